"""Who started a process."""

import os
import subprocess
import sys

import pytest

from dev.supervisor import parents
from dev.supervisor.parents import Parents, Seen, is_honcho, look, manager


@pytest.mark.parametrize(
    ("command", "honcho"),
    [
        ("/usr/bin/honcho start", True),
        ("/usr/bin/python3 /x y/bin/honcho start".replace("x y", "x"), True),
        ("python3.11 -m honcho start", True),
        ("python -u -m honcho -e /dev/null start", True),
        ("python -m pytest honcho", False),
        ("vim honcho", False),
        ("tail -f honcho", False),
        ("", False),
    ],
)
def test_honcho_is_known_by_its_command_line(command: str, honcho: bool) -> None:
    assert is_honcho(tuple(command.split())) is honcho


def test_a_process_is_seen_and_its_end_too() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    seen = look(child.pid)
    assert seen is not None and seen.parent == os.getpid()
    child.communicate(b"\n")
    assert look(child.pid) is None


def test_the_way_without_proc_sees_the_same() -> None:
    one, other = parents._look_in_proc(os.getpid()), parents._look_with_ps(os.getpid())
    assert one is not None and other is not None
    assert (one.pid, one.parent) == (other.pid, other.parent)


@pytest.mark.parametrize("told", ["", "import os; del os.pidfd_open; "])
def test_a_parent_that_ends_is_named(told: str) -> None:
    # A shell starts a process that watches its parent; the shell ends, the process says so.
    # Where the system does not tell of the end, it looks.
    watch = (
        f"{told}import asyncio; from dev.supervisor.parents import Parents\n"
        "p = Parents(); print('up', flush=True)\n"
        "print(asyncio.run(p.until_gone()))"
    )
    shell = subprocess.Popen(
        ["/bin/sh", "-c", '"$0" -c "$1" & read -r word', sys.executable, watch],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None and shell.stdin is not None
    assert shell.stdout.readline() == "up\n"
    said, _ = shell.communicate("\n")
    assert said == f"the parent (pid {shell.pid}) is gone\n"


def _chain(*commands: str) -> list[Seen]:
    return [Seen(100 - at, 99 - at, "x", tuple(one.split())) for at, one in enumerate(commands)]


HONCHO = "python /x/bin/honcho start"


@pytest.mark.parametrize(
    ("commands", "at"),
    [
        (["bash", "sshd"], None),
        ([HONCHO, HONCHO, "bash"], 1),
        (["/bin/sh -c ./dev/run", HONCHO, HONCHO], 2),
        # A Python whose multiprocessing does not fork.
        (["sh", "python -c spawn_main", "python -c forkserver", HONCHO, "bash"], 3),
    ],
)
def test_honcho_is_the_highest_one(commands: list[str], at: int | None) -> None:
    assert manager(_chain(*commands), True) == at


@pytest.mark.parametrize("commands", [[HONCHO, "init"], ["sh -c x", HONCHO, "init"]])
def test_a_copy_that_honcho_left_behind_is_not_honcho(commands: list[str]) -> None:
    with pytest.raises(ProcessLookupError):
        manager(_chain(*commands), True)
    # `honcho run` starts its command without a copy.
    assert manager(_chain(*commands), False) is not None


def test_a_living_parent_is_not_gone() -> None:
    assert Parents().gone() is None
