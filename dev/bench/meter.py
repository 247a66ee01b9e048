"""What the machine was busy with while something went on: cores, programs, memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from dataclasses import dataclass, field

import psutil

from dev.bench.beside import ended
from dev.bench.ledger import name_of
from dev.bench.tree import Tree

EVERY_S = 1.0
SATURATED_PERCENT = 90.0  # of all cores together


@dataclass(frozen=True)
class Reading:
    """Processor time is in cores: 0.5 is half of one."""

    cores: int
    busy: float
    """Cores in use on average, whoever used them."""
    saturated: float
    """Share of the time (0 to 1) in which all cores together were at 90 % or more."""
    families: dict[str, float] = field(default_factory=dict)
    """Cores that each family used."""
    busiest: str = ""
    busiest_cores: float = 0.0
    """The one process that used most."""
    available_mb: float = 0.0
    """Memory that was left at the worst moment."""

    @property
    def others(self) -> float:
        """Cores that programs used which are neither ours, stock's nor callers."""
        return max(0.0, self.busy - sum(self.families.values()))


class Meter:
    """`async with Meter(tree) as meter: …`, then `meter.reading`."""

    def __init__(self, tree: Tree, every_s: float = EVERY_S) -> None:
        self._tree = tree
        self._every = every_s
        self._used: dict[str, dict[tuple[int, float], float]] = defaultdict(dict)
        self._before: dict[tuple[int, float], float] = {}
        self._percents: list[float] = []
        self._available: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._took = 0.0

    async def __aenter__(self) -> Meter:
        await asyncio.to_thread(self._look)
        self._used.clear()
        psutil.cpu_percent()
        self._took = -time.monotonic()
        self._task = asyncio.create_task(self._watch(), name="meter")
        return self

    async def __aexit__(self, *_: object) -> None:
        await ended(self._task)
        await asyncio.to_thread(self._look)
        self._took += time.monotonic()

    @property
    def reading(self) -> Reading:
        cores = os.cpu_count() or 1
        percents = self._percents or [0.0]
        single = {
            (name, key): seconds
            for name, all_ in self._used.items()
            for key, seconds in all_.items()
        }
        most = max(single, key=lambda each: single[each], default=None)
        return Reading(
            cores=cores,
            busy=cores * sum(percents) / len(percents) / 100,
            saturated=sum(each >= SATURATED_PERCENT for each in percents) / len(percents),
            families={
                name: sum(all_.values()) / self._took for name, all_ in self._used.items() if all_
            },
            busiest=_label(*most) if most else "",
            busiest_cores=single[most] / self._took if most else 0.0,
            available_mb=min(self._available, default=0.0),
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            self._percents.append(psutil.cpu_percent())
            self._available.append(psutil.virtual_memory().available / 1e6)
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        """Add what each process used since the last look; a new one all it ever used."""
        for name, members in self._tree.now().items():
            for process in members:
                try:
                    times = process.cpu_times()
                    key = (process.pid, process.create_time())
                except psutil.NoSuchProcess:
                    continue
                total = times.user + times.system
                used = self._used[name].get(key, 0.0) + total - self._before.get(key, 0.0)
                self._used[name][key] = used
                self._before[key] = total


def _label(family: str, key: tuple[int, float]) -> str:
    try:
        return f"{family}: {name_of(psutil.Process(key[0]).cmdline())}"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return f"{family}: a process that has ended"
