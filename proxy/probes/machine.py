"""What is left of this machine: CPU over the last seconds, memory, and the disk of the state."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import psutil

from proxy.probes.processes import in_words
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import Machine

WINDOW_S = 2.0
BUSY = 0.9
SHOWN = 3
BUSIEST_EVERY_S = 3.0


class MachineWatch:
    """Reads the machine; the CPU's share is that between two readings some seconds apart."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._readings: deque[tuple[float, float, float]] = deque()
        self._busiest = Busiest()
        self.note()

    def note(self) -> None:
        """Read how long the CPU was busy so far."""
        times = psutil.cpu_times()
        total = sum(times[:8])  # what follows (guest) is part of what stands before
        idle = times.idle + getattr(times, "iowait", 0.0)
        self._readings.append((time.monotonic(), total - idle, total))
        while len(self._readings) > 2 and self._readings[1][0] < time.monotonic() - WINDOW_S:
            self._readings.popleft()

    def is_busy(self) -> bool:
        """Whether hardly any CPU was left in the last seconds."""
        return self._cpu() >= BUSY

    def _cpu(self) -> float:
        (_, busy_then, total_then), (_, busy, total) = self._readings[0], self._readings[-1]
        share = (busy - busy_then) / (total - total_then) if total > total_then else 0.0
        return round(min(1.0, max(0.0, share)), 3)

    def read(self) -> Machine:
        """The machine now."""
        self.note()
        cpu = self._cpu()
        memory = psutil.virtual_memory()
        low = self._settings.memory_low_mb * 2**20
        free, folder = self._tightest()
        return Machine(
            cores=psutil.cpu_count() or 1,
            cpu=cpu,
            memory_total=memory.total,
            memory_available=memory.available,
            memory_low=low,
            disk_free=free,
            disk_low=self._settings.disk_low_mb * 2**20,
            disk_path=str(folder or ""),
            busiest=self._busiest.look(cpu >= BUSY, memory.available < low),
        )

    def _tightest(self) -> tuple[int | None, Path | None]:
        """Where the least is free of what we write to: logs and memory, and the calls."""
        status, calls = self._settings.process_status_dir, self._settings.calls_database
        folders = {_that_is_there(path) for path in (status, calls) if path is not None}
        free = [(shutil.disk_usage(folder).free, folder) for folder in folders]
        return min(free, default=(None, None))


def _that_is_there(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    return next(parent for parent in path.expanduser().absolute().parents if parent.exists())


class Busiest:
    """Who uses the most of what is short. It is looked up only then, since looking costs as well.

    It compares the CPU that processes have used from look to look."""

    def __init__(self) -> None:
        self._used: dict[int, float] = {}
        self._at = 0.0
        self._last: tuple[str, ...] = ()

    def look(self, cpu: bool, memory: bool) -> tuple[str, ...]:
        """The processes that use most of the memory, or else of the CPU, when one is short."""
        if not cpu and not memory:
            self._used, self._last = {}, ()
            return ()
        if time.monotonic() - self._at >= BUSIEST_EVERY_S:
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
        return _most_of(shares, lambda share: f"{share:.0%} of a core")

    def _by_memory(self) -> tuple[str, ...]:
        sizes: dict[int, float] = {}
        for process in psutil.process_iter():
            try:
                sizes[process.pid] = process.memory_info().rss
            except psutil.Error:
                continue
        self._used, self._at = {}, time.monotonic()
        return _most_of(sizes, lambda size: f"{size / 2**20:.0f} MB")


def _most_of(amounts: dict[int, float], words: Callable[[float], str]) -> tuple[str, ...]:
    lines = []
    for pid, amount in sorted(amounts.items(), key=lambda item: item[1], reverse=True)[:SHOWN]:
        try:
            lines.append(f"{in_words(psutil.Process(pid))}: {words(amount)}")
        except psutil.Error:
            continue
    return tuple(lines)
