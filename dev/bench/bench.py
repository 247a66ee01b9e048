"""What every measurement is given: the two subjects, the system, how thorough to be."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from dev.bench.subjects import Subject
from dev.bench.system import System
from dev.bench.worker import BenchWorker
from dev.caller.voice import Voice


@dataclass(frozen=True)
class Bench:
    system: System
    stock_worker: BenchWorker
    voice: Voice
    quick: bool
    calls: int | None = None
    """How many healthy calls to make; None: as many as the measurement thinks right."""
    rooms: tuple[int, ...] = ()
    """How many calls at once; empty: as many as the measurement thinks right."""
    minutes: float | None = None
    """How long the calls go on one after another."""

    @property
    def subjects(self) -> tuple[Subject, Subject]:
        """Ours and stock; measurements take turns between them."""
        return self.system.ours, self.stock_worker.subject

    @property
    def rooms_at_once(self) -> int:
        """For a measurement that wants one number of rooms."""
        return self.rooms[0] if len(self.rooms) == 1 else 1

    def runs(self, thorough: int, quick: int) -> int:
        return quick if self.quick else thorough


def progress(text: str) -> None:
    """Say what goes on, apart from the result on stdout."""
    print(f"  … {text}", file=sys.stderr, flush=True)
