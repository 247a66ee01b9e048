"""system: no CPU, memory or disk is left, or the calls cannot be kept."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.call import Call
from tests.faults.conftest import NewFault
from tests.faults.fault import until_well
from tests.faults.loads import busy_cores, taken_memory
from tests.faults.proxies import OwnProxy
from tests.running_system import System

MB = 1024 * 1024
TAKEN_MB = 2000
DISK_MB = 8


@pytest.mark.alone
def test_the_cpu_is_busy_with_something_else(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("system", "machine-out-of-cpu", "three busy processes a core, in a call")
    with Call(faulty) as call:
        call.listening()
        with busy_cores():
            fault.breaks()
            fault.named(call.ask, state="waiting")
        fault.cleared(call.ask)


@pytest.mark.alone
def test_the_memory_is_taken(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "machine-out-of-memory", f"a process that takes {TAKEN_MB} MB")
    proxy = OwnProxy(faulty, tmp_path)
    available = psutil.virtual_memory().available // MB
    with proxy.running(MEMORY_LOW_MB=str(available - TAKEN_MB // 2)):
        until_well(proxy.ask)
        with taken_memory(TAKEN_MB * MB):
            fault.breaks()
            fault.named(proxy.ask)
        fault.cleared(proxy.ask)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own with a few megabytes; skips, loudly, where mounting is not permitted."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"A FULL DISK IS NOT TESTED: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_the_disk_is_full(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "disk-full", f"a disk of {DISK_MB} MB, filled with a file")
    with small_disk(tmp_path) as disk:
        proxy = OwnProxy(faulty, tmp_path, disk)
        # The disk that is watched is that of the folder of status files.
        status = disk / "run"
        status.symlink_to(faulty.home / "run")
        with proxy.running(DISK_LOW_MB="1", PROCESS_STATUS_DIR=str(status)):
            until_well(proxy.ask)
            filling = disk / "a large file"
            with pytest.raises(OSError, match="No space left"), filling.open("wb") as file:
                while True:
                    file.write(bytes(4096))
            fault.breaks()
            assert str(disk) in str(fault.named(proxy.ask))
            filling.unlink()
            fault.cleared(proxy.ask)


def test_the_disk_became_read_only(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "calls-db-not-writable", "a proxy whose disk is mounted read-only")
    with small_disk(tmp_path) as disk:
        proxy = OwnProxy(faulty, tmp_path, disk)
        _remount(disk, "ro")
        with proxy.running(DISK_LOW_MB="0"):
            fault.breaks()
            fault.named(proxy.ask)
            _remount(disk, "rw")
            fault.cleared(proxy.ask)


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


@pytest.mark.parametrize("began", ["while it is open", "before the proxy"])
def test_another_program_locks_the_calls(
    faulty: System, new_fault: NewFault, tmp_path: Path, began: str
) -> None:
    fault = new_fault(
        "system", "calls-db-not-writable", f"another program holds its write lock, since {began}"
    )
    proxy = OwnProxy(faulty, tmp_path)
    with ExitStack() as running:
        if began == "while it is open":
            running.enter_context(proxy.running())
            proxy.wait_until_open()
            until_well(proxy.ask)
        with closing(sqlite3.connect(proxy.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            if began == "before the proxy":
                running.enter_context(proxy.running())
            fault.breaks()
            fault.named(proxy.ask)
            other.execute("ROLLBACK")
        fault.cleared(proxy.ask)
