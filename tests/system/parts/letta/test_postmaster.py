"""What is left of a Postgres that was killed, and what only looks like it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dev.letta import pidfile, postmaster
from tests.fast.letta.test_postmaster import write

Start = Callable[[Path], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program called postgres that only sleeps, at home in a given folder."""
    program = tmp_path / "bin" / "postgres"
    program.parent.mkdir()
    shutil.copy("/bin/sleep", program)
    started = []

    def run(home: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([program, "60"], cwd=home)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_a_living_postmaster_is_known_by_name_home_and_start(data: Path, start: Start) -> None:
    process = start(data)
    write(data, process.pid, time.time())
    file = pidfile.read(data)
    assert file is not None
    found = postmaster.alive(data, file)
    assert found is not None and found.pid == process.pid


def test_a_pid_that_was_given_to_another_postgres_is_not_ours(
    data: Path, tmp_path: Path, start: Start
) -> None:
    process = start(tmp_path)  # another home
    write(data, process.pid, time.time())
    file = pidfile.read(data)
    assert file is not None
    assert postmaster.alive(data, file) is None


def test_a_pid_of_another_time_is_not_ours(data: Path, start: Start) -> None:
    process = start(data)
    write(data, process.pid, time.time() - 3600)
    file = pidfile.read(data)
    assert file is not None
    assert postmaster.alive(data, file) is None


def test_clear_removes_a_stale_file_and_leaves_the_pids_new_owner_alone(data: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        write(data, bystander.pid, time.time())
        postmaster.clear(data)
        assert bystander.poll() is None
        bystander.terminate()
    assert not (data / "postmaster.pid").exists()


def test_clear_ends_an_orphaned_postmaster_and_leftover_backends(data: Path, start: Start) -> None:
    master, backend = start(data), start(data)
    write(data, master.pid, time.time())
    postmaster.clear(data)
    assert master.wait(1) is not None
    assert backend.wait(1) is not None
    assert not (data / "postmaster.pid").exists()


def test_clear_leaves_the_postgres_of_another_folder_alone(
    data: Path, tmp_path: Path, start: Start
) -> None:
    other = start(tmp_path)
    postmaster.clear(data)
    assert other.poll() is None


def test_clear_removes_a_socket_whose_owner_is_dead(data: Path, tmp_path: Path) -> None:
    sockets = tmp_path / "socket"
    sockets.mkdir()
    lock = sockets / ".s.PGSQL.5432.lock"
    lock.write_text(f"{os.getpid()}\n")
    dead = subprocess.Popen(["/bin/true"])
    dead.wait()
    (data / "postmaster.pid").write_text(f"{dead.pid}\n{data}\n1\n5432\n{sockets}\n\n1 2\nready\n")
    postmaster.clear(data)
    assert not lock.exists()
    assert psutil.pid_exists(os.getpid())
