"""What every measurement is given: the two subjects, the system, how thorough to be."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dev.caller.sound import CallerVoice
from tools.bench.subjects import Subject
from tools.bench.system import System
from tools.bench.workers import BenchWorker


@dataclass
class Interruption:
    """Whether somebody has told the bench to end (Ctrl-C)."""

    happened: bool = False


@dataclass(frozen=True)
class Bench:
    system: System
    stock_worker: BenchWorker
    voice: CallerVoice
    quick: bool
    calls: int | None = None
    """How many healthy calls to make; None: as many as the measurement thinks right."""
    rooms: tuple[int, ...] = ()
    """How many calls at once; empty: as many as the measurement thinks right."""
    minutes: float | None = None
    """How long the calls go on one after another."""
    interruption: Interruption = field(default_factory=Interruption)

    @property
    def subjects(self) -> tuple[Subject, Subject]:
        """Ours and stock; measurements take turns between them."""
        return self.system.ours, self.stock_worker.subject

    @property
    def rooms_at_once(self) -> int:
        """For a measurement that wants one number of rooms."""
        return self.rooms[0] if len(self.rooms) == 1 else 1

    @contextmanager
    def until_interrupted(self) -> Iterator[None]:
        """Told to end, leave this block; what was measured until then is told all the same.

        Told again, the program ends at once (dev/caller/ending.py).
        """
        try:
            yield
        except asyncio.CancelledError:
            self.interruption.happened = True
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            progress("told to end: this is what was measured so far (again: end at once)")

    def runs(self, thorough: int, quick: int) -> int:
        return quick if self.quick else thorough


def progress(text: str) -> None:
    """Say what goes on, apart from the result on stdout."""
    print(f"  … {text}", file=sys.stderr, flush=True)
