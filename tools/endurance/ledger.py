"""What each process holds, written down every few seconds: memory, open files, threads.

A leak is looked for in `anon`, the memory that a process got for itself (RssAnon). Its share of
what it has in common with others (PSS) moves whenever one of those others comes or goes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from tools.bench.processes import Tree, name_of
from tools.bench.waiting import ended

EVERY_S = 10.0
KB = 1024


@dataclass(frozen=True)
class Holding:
    """One process at one moment; `at` in seconds since the ledger began, sizes in bytes."""

    at: float
    family: str
    pid: int
    born: float  # as `at`, before 0 when it was there before
    name: str
    anon: int
    pss: int
    fds: int
    threads: int

    @property
    def who(self) -> tuple[str, int, float]:
        return self.family, self.pid, self.born

    @property
    def label(self) -> str:
        return f"{self.family}: {self.name} ({self.pid})"


class Ledger:
    """`async with Ledger(tree) as ledger`: `holdings` grows until the block ends."""

    def __init__(self, tree: Tree, every_s: float = EVERY_S) -> None:
        self.holdings: list[Holding] = []
        self.began = time.time()
        self._tree = tree
        self._every = every_s
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Ledger:
        self._task = asyncio.create_task(self._write(), name="ledger")
        return self

    async def __aexit__(self, *_: object) -> None:
        await ended(self._task)

    @property
    def now(self) -> float:
        return time.time() - self.began

    def latest(self) -> list[Holding]:
        """What was written down last."""
        last = self.holdings[-1].at if self.holdings else 0.0
        return [each for each in self.holdings if each.at == last]

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(each) for each in self.holdings]

    async def _write(self) -> None:
        due = time.monotonic()
        while True:
            self.holdings += await asyncio.to_thread(self._look)
            due += self._every
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _look(self) -> list[Holding]:
        at = round(self.now, 2)
        seen = []
        for family, members in self._tree.now().items():
            for process in members:
                try:
                    seen.append(self._holding(at, family, process))
                except (psutil.NoSuchProcess, psutil.AccessDenied, OSError, KeyError):
                    continue  # it has ended meanwhile
        return seen

    def _holding(self, at: float, family: str, process: psutil.Process) -> Holding:
        status = _fields(Path(f"/proc/{process.pid}/status"))
        rollup = _fields(Path(f"/proc/{process.pid}/smaps_rollup"))
        return Holding(
            at=at,
            family=family,
            pid=process.pid,
            born=round(process.create_time() - self.began, 2),
            name=name_of(process.cmdline()),
            anon=status["RssAnon"] * KB,
            pss=rollup["Pss"] * KB,
            fds=process.num_fds(),
            threads=status["Threads"],
        )


def _fields(file: Path) -> Mapping[str, int]:
    """The numbers of a file of `Name:   123 kB` lines."""
    found = re.findall(r"^(\w+):\s+(\d+)(?: kB)?$", file.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in found}
