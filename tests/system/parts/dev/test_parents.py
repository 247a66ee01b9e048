"""Who started a process."""

import os
import subprocess
import sys

import pytest

from dev.supervisor import parents
from dev.supervisor.parents import look


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
