"""The numbers of events: they go on rising over restarts, whether or not the database is there."""

from __future__ import annotations

import time


class Sequence:
    """Microseconds since the epoch, made unique; within what JavaScript counts exactly."""

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        self.last = max(self.last + 1, time.time_ns() // 1000)
        return self.last

    def at_least(self, known: int) -> None:
        """Go on after `known`, a number that was given before."""
        self.last = max(self.last, known)
