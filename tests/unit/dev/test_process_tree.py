"""Ending a program ends all it started, and nothing else."""

import subprocess
import sys
import time
from pathlib import Path

import psutil

from common import process_records
from common.process_records import Identity, ProcessRecord
from dev.supervisor import process_tree
from dev.supervisor.process_tree import TAG, end, family

# Starts a child that leaves its session, tells its pid, and waits.
PARENT = (
    "import subprocess, sys, time\n"
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    " start_new_session=True)\n"
    "print(c.pid, flush=True)\n"
)
WAIT = PARENT + "time.sleep(60)\n"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT


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
    identity = Identity.of(program.pid)
    assert identity is not None
    return program, identity, child


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_child_in_a_session_of_its_own_is_ended_too() -> None:
    program, identity, child = _start(WAIT, "tag-1")
    assert end(identity, "tag-1") == []
    assert program.wait(1) == -15
    assert not _lives(child)


def test_what_a_dead_program_left_is_found_by_its_tag() -> None:
    program, identity, child = _start(WAIT, "tag-2")
    program.kill()
    program.wait()
    assert child.pid in {process.pid for process in family(identity, "tag-2")}
    end(identity, "tag-2")
    assert not _lives(child)


def test_a_stubborn_program_is_killed_and_named() -> None:
    program, identity, child = _start(STUBBORN, "tag-3")
    told = end(identity, "tag-3", term_wait_s=0.1)
    assert any(f"pid {program.pid} " in one and "was killed" in one for one in told)
    assert program.wait(1) == -9
    assert not _lives(child)


def test_a_pid_that_was_given_to_another_is_left_alone() -> None:
    program, identity, _ = _start(WAIT, "tag-4")
    stranger = Identity(identity.pid, identity.start_time - 1000)
    assert family(stranger, "another tag") == []
    assert end(stranger, "another tag") == []
    assert program.poll() is None
    end(identity, "tag-4")
    program.wait()


def test_the_guardian_ends_a_program_only_when_its_launcher_is_gone(tmp_path: Path) -> None:
    program, identity, _ = _start(WAIT, "tag-5")
    me = Identity.of(psutil.Process().pid)
    record = ProcessRecord("x", process_records.READY, launcher=me, program=identity, tag="tag-5")
    process_records.write(tmp_path, record)
    file = str(process_records.path(tmp_path, "x"))
    assert process_tree.main(["end", file]) == 0
    assert program.poll() is None
    record.launcher = Identity(identity.pid, 1.0)
    process_records.write(tmp_path, record)
    assert process_tree.main(["end", file]) == 0
    assert program.wait(1) == -15


def test_the_wait_ends_with_the_program() -> None:
    program, identity, _ = _start(WAIT, "tag-6")
    began = time.monotonic()
    end(identity, "tag-6", term_wait_s=30)
    assert time.monotonic() - began < 5
    program.wait()
