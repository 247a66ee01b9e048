"""A child that dies with its parent and need not be root."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dev.letta import cluster

SHOW = "import os; open('made', 'w').close(); print(os.geteuid(), os.getppid())"
PARENT = """
import os, signal, subprocess, sys
from dev.letta import cluster
command = cluster.child(["/bin/sleep", "60"], "same", signal.SIGTERM)
print(subprocess.Popen(command).pid, flush=True)
input()
"""


def run(identity: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = cluster.child([sys.executable, "-c", SHOW], identity, signal.SIGKILL)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_when_its_parent_is_killed() -> None:
    root = Path(cluster.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        deadline = time.monotonic() + 10
        while child.name() != "sleep":  # until it has become what it was asked to be
            assert time.monotonic() < deadline
            time.sleep(0.01)
        parent.kill()
    gone, _ = psutil.wait_procs([child], timeout=5)
    assert gone or child.status() == psutil.STATUS_ZOMBIE


def test_it_does_not_start_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    command = cluster.child(["/bin/true"], "same", signal.SIGKILL)
    command[command.index(str(os.getpid()))] = "1"
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the parent is gone" in done.stderr


def test_the_same_user(tmp_path: Path) -> None:
    done = run("same", tmp_path)
    assert done.stdout.split() == [str(os.geteuid()), str(os.getpid())]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs to be somebody else")
def test_somebody_else_inside_and_root_outside(tmp_path: Path) -> None:
    done = run("namespace", tmp_path)
    if "cannot be namespace" in done.stderr:
        pytest.skip(f"this machine refuses user namespaces: {done.stderr}")
    assert done.stdout.split()[0] == "1000"
    assert (tmp_path / "made").stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_given_user() -> None:
    command = cluster.child(["/usr/bin/id", "-u"], "65534:65534", signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("65534\n", "")


@pytest.mark.parametrize("identity", ["same", "0:0" if os.geteuid() == 0 else "65534:65534"])
def test_what_cannot_be_done_is_a_sentence(identity: str) -> None:
    command = cluster.child(["/no/such/program"], identity, signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("cannot ")
    assert done.stderr.count("\n") == 1
