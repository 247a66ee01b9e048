"""Ending a program ends all it started, and nothing else."""

import secrets
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from common import process_records
from common.process_records import Identity, ProcessRecord
from dev.supervisor import process_tree
from dev.supervisor.process_tree import TAG, end, family
from tests.system.checkout import wait_for

# Starts a child that leaves its session, tells its pid, and waits.
PARENT = (
    "import subprocess, sys, time\n"
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    " start_new_session=True)\n"
    "print(c.pid, flush=True)\n"
)
WAIT = PARENT + "time.sleep(60)\n"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT


@pytest.fixture
def tag() -> str:
    """A mark that no process of another run of these tests bears, which would be ended too."""
    return secrets.token_hex(8)


def _start(code: str, tag: str) -> tuple[subprocess.Popen[str], Identity, psutil.Process]:
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={TAG: tag},
        start_new_session=True,
    )
    assert program.stdout is not None
    child = psutil.Process(int(program.stdout.readline()))
    program.stdout.close()
    wait_for("the child's environment can be read", lambda: TAG in child.environ(), 5)
    identity = Identity.of(program.pid)
    assert identity is not None
    return program, identity, child


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_child_in_a_session_of_its_own_is_ended_too(tag: str) -> None:
    program, identity, child = _start(WAIT, tag)
    assert end(identity, tag) == []
    assert program.wait(1) == -15
    assert not _lives(child)


def test_what_a_dead_program_left_is_found_by_its_tag(tag: str) -> None:
    program, identity, child = _start(WAIT, tag)
    program.kill()
    program.wait()
    assert child.pid in {process.pid for process in family(identity, tag)}
    end(identity, tag)
    assert not _lives(child)


def test_a_stubborn_program_is_killed_and_named(tag: str) -> None:
    program, identity, child = _start(STUBBORN, tag)
    killed = end(identity, tag, term_wait_s=0.1)
    assert any(
        f"pid {program.pid} " in sentence and "was killed" in sentence for sentence in killed
    )
    assert program.wait(1) == -9
    assert not _lives(child)


def test_a_pid_that_was_given_to_another_is_left_alone(tag: str) -> None:
    program, identity, _ = _start(WAIT, tag)
    stranger = Identity(identity.pid, identity.start_time - 1000)
    assert family(stranger, "another tag") == []
    assert end(stranger, "another tag") == []
    assert program.poll() is None
    end(identity, tag)
    program.wait()


def test_the_guardian_ends_a_program_only_when_its_launcher_is_gone(
    tmp_path: Path, tag: str
) -> None:
    program, identity, _ = _start(WAIT, tag)
    me = Identity.of(psutil.Process().pid)
    record = ProcessRecord("x", process_records.READY, launcher=me, program=identity, tag=tag)
    process_records.write(tmp_path, record)
    file = str(process_records.path(tmp_path, "x"))
    assert process_tree.main(["end", file]) == 0
    assert program.poll() is None
    record.launcher = Identity(identity.pid, 1.0)
    process_records.write(tmp_path, record)
    assert process_tree.main(["end", file]) == 0
    assert program.wait(1) == -15


def test_the_wait_ends_with_the_program(tag: str) -> None:
    program, identity, _ = _start(WAIT, tag)
    began = time.monotonic()
    end(identity, tag, term_wait_s=30)
    assert time.monotonic() - began < 5
    program.wait()
