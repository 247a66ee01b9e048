"""Processes that are stopped (SIGSTOP, a debugger): alive, holding their ports, doing nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping

import psutil

from proxy.system.naming import told

STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
RELATIVES_EVERY_S = 4.0
"""A look at all processes of the machine costs some milliseconds, and more on a large one."""


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
    everyone = {process.pid: process for process in psutil.process_iter(["ppid"])}
    names = {pid: name for name, pid in programs.items()}
    found: dict[str, list[psutil.Process]] = {name: [] for name in programs}
    for process in everyone.values():
        pid, seen = process.pid, set[int]()
        while pid not in names and pid in everyone and pid not in seen:
            seen.add(pid)
            pid = everyone[pid].info["ppid"]
        if pid in names:
            found[names[pid]].append(process)
    return found
