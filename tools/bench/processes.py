"""Which process belongs to which program, and what the machine was busy with meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tools.bench.waiting import ended

NAME_LENGTH = 44
Families = dict[str, list[psutil.Process]]


class Tree:
    """The living processes below the roots; each belongs to the nearest root above it."""

    def __init__(self, roots: Mapping[str, psutil.Process]) -> None:
        self.roots = dict(roots)

    def now(self) -> Families:
        found: Families = {name: [] for name in self.roots}
        living = {process.pid: process for process in psutil.process_iter(["ppid", "status"])}
        root_of = {
            root.pid: name for name, root in self.roots.items() if living.get(root.pid) == root
        }
        for process in living.values():
            name = _family(process, living, root_of)
            if name is not None and process.info["status"] != psutil.STATUS_ZOMBIE:
                found[name].append(process)
        return found


def _family(
    process: psutil.Process, living: Mapping[int, psutil.Process], root_of: Mapping[int, str]
) -> str | None:
    seen = set()
    while process.pid not in seen:
        if process.pid in root_of:
            return root_of[process.pid]
        seen.add(process.pid)
        parent = living.get(process.info["ppid"])
        if parent is None:
            return None
        process = parent
    return None


EVERY_S = 1.0
SATURATED_PERCENT = 90.0  # of all cores together


def name_of(command: list[str]) -> str:
    """A process in a few words: the module or program it runs, without folders."""
    if "-m" in command[1:-1]:
        said = " ".join(command[command.index("-m") + 1 :])
    elif "-c" in command[1:-1]:
        code = command[command.index("-c") + 1]
        module = re.match(r"from multiprocessing\.(\w+) import", code)
        said = module.group(1) if module else code
    else:
        parts = [Path(part).name if part.startswith("/") else part for part in command]
        # An interpreter is not worth a word when a program follows it.
        said = " ".join(parts[1:] if parts[1:] and parts[0].startswith("python") else parts)
    return said.strip()[:NAME_LENGTH].strip() or "?"


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
