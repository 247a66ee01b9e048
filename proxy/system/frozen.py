"""Processes that are stopped (SIGSTOP, a debugger): alive, holding their ports, doing nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from proxy.system.naming import told

STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
RELATIVES_EVERY_S = 4.0
"""A look at all processes of the machine costs some milliseconds, and more on a busy one."""


class Frozen:
    """Knows what descends from the programs, and looks whether any of it is stopped."""

    def __init__(self) -> None:
        self._relatives: dict[str, list[psutil.Process]] = {}
        self._programs: dict[str, int] = {}
        self._at = 0.0

    def look(self, programs: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
        """For each program (name: pid) those of its processes that are stopped, itself too."""
        due = time.monotonic() - self._at >= RELATIVES_EVERY_S
        if due or programs != self._programs:
            self._relatives = relatives(programs)
            self._programs, self._at = dict(programs), time.monotonic()
        found = {
            name: tuple(words for each in those if (words := _words_if_stopped(each)))
            for name, those in self._relatives.items()
        }
        return {name: those for name, those in found.items() if those}


def _words_if_stopped(process: psutil.Process) -> str:
    try:
        return told(process) if process.status() in STOPPED else ""
    except psutil.Error:
        return ""


def relatives(programs: Mapping[str, int]) -> dict[str, list[psutil.Process]]:
    """Each program's process and all that descends from it."""
    parents = _parents()
    names = {pid: name for name, pid in programs.items()}
    found: dict[str, list[psutil.Process]] = {name: [] for name in programs}
    for one in parents:
        pid, seen = one, set[int]()
        while pid not in names and pid in parents and pid not in seen:
            seen.add(pid)
            pid = parents[pid]
        if pid in names:
            with contextlib.suppress(psutil.Error):
                found[names[pid]].append(psutil.Process(one))
    return found


def _parents() -> dict[int, int]:
    """The parent of each process of the machine."""
    if not Path("/proc/self/stat").exists():
        return {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}
    found = {}  # psutil makes an object of each process, which takes four times as long
    for pid in psutil.pids():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            # The command's name stands in parentheses, and may itself contain some.
            found[pid] = int(file.read().rpartition(b")")[2].split(None, 2)[1])
    return found
