"""Who started a process."""

import os
import subprocess
import sys

import pytest

from dev import parents
from dev.parents import Parents, is_honcho, look


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


def test_a_parent_that_ends_is_named() -> None:
    # A shell starts a process that watches its parent; the shell ends, the process says so.
    watch = (
        "import time; from dev.parents import Parents; p = Parents(); print('up', flush=True)\n"
        "while not p.gone(): time.sleep(0.02)\n"
        "print(p.gone())"
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


def test_a_living_parent_is_not_gone() -> None:
    assert Parents().gone() is None
