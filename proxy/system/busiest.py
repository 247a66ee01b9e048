"""Who uses the most of what is short. Looked up only when it is, since looking costs as well."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from proxy.system.naming import told

SHOWN = 3
EVERY_S = 3.0


class Busiest:
    """Compares the CPU that processes have used from look to look."""

    def __init__(self) -> None:
        self._used: dict[int, float] = {}
        self._at = 0.0
        self._last: tuple[str, ...] = ()

    def look(self, cpu: bool, memory: bool) -> tuple[str, ...]:
        """The processes that use most of the memory, or else of the CPU, when one is short."""
        if not cpu and not memory:
            self._used, self._last = {}, ()
            return ()
        if time.monotonic() - self._at >= EVERY_S:
            self._last = self._by_memory() if memory else self._by_cpu()
        return self._last

    def _by_cpu(self) -> tuple[str, ...]:
        used: dict[int, float] = {}
        for process in psutil.process_iter():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            used[process.pid] = times.user + times.system
        took = time.monotonic() - self._at
        shares = {
            pid: (now - self._used[pid]) / took for pid, now in used.items() if pid in self._used
        }
        self._used, self._at = used, time.monotonic()
        return _told(shares, lambda share: f"{share:.0%} of a core")

    def _by_memory(self) -> tuple[str, ...]:
        sizes: dict[int, float] = {}
        for process in psutil.process_iter():
            try:
                sizes[process.pid] = process.memory_info().rss
            except psutil.Error:
                continue
        self._used, self._at = {}, time.monotonic()
        return _told(sizes, lambda size: f"{size / 2**20:.0f} MB")


def _told(amounts: dict[int, float], words: Callable[[float], str]) -> tuple[str, ...]:
    found = []
    for pid, amount in sorted(amounts.items(), key=lambda item: item[1], reverse=True)[:SHOWN]:
        try:
            found.append(f"{told(psutil.Process(pid))}: {words(amount)}")
        except psutil.Error:
            continue
    return tuple(found)
