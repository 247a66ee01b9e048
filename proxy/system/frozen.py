"""Processes that are stopped (SIGSTOP, a debugger): alive, holding their ports, doing nothing."""

from __future__ import annotations

from collections.abc import Mapping

import psutil

from proxy.system.naming import told

STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def is_stopped(pid: int) -> bool:
    """Whether the process itself is stopped; quick, unlike a look at all processes."""
    try:
        return psutil.Process(pid).status() in STOPPED
    except psutil.Error:
        return False


def found(programs: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """For each program (name: pid) its own stopped processes, itself and what descends from it."""
    parents: dict[int, int] = {}
    stopped: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                parents[process.pid] = process.ppid()
                if process.status() in STOPPED:
                    stopped[process.pid] = told(process)
        except psutil.Error:
            continue
    by_pid = {pid: name for name, pid in programs.items()}
    result: dict[str, tuple[str, ...]] = {}
    for pid, words in stopped.items():
        if name := _program_of(pid, by_pid, parents):
            result[name] = (*result.get(name, ()), words)
    return result


def _program_of(pid: int, by_pid: Mapping[int, str], parents: Mapping[int, int]) -> str | None:
    seen: set[int] = set()
    while pid not in by_pid and pid in parents and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
    return by_pid.get(pid)
