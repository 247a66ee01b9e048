"""What is left of this machine: CPU over the last seconds, memory, and the disk of the state."""

from __future__ import annotations

import shutil
import time
from collections import deque
from pathlib import Path

import psutil

from proxy.settings import ProxySettings
from proxy.system.busiest import Busiest
from proxy.verdicts.health import Machine

WINDOW_S = 2.0
BUSY = 0.9


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
    return next(each for each in path.expanduser().absolute().parents if each.exists())
