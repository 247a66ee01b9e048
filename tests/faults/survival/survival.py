"""One thing that breaks during a call, on its way: broken, whole again in time, what was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from tests.faults.survival.row import Row

BUSY_PERCENT, BUSY_FACTOR = 90.0, 4.0
"""A machine that was so busy until the call was whole again has so many times as long."""


class Survival:
    """A row of the table in the making.

    `with survival.recovering(): …` is left when the call is whole again; its seconds must be within
    the goal. What the test finds missing is told to `lost`; what may not be missing it asserts.
    """

    def __init__(self, row: Row) -> None:
        self.row = row
        psutil.cpu_percent()

    @contextmanager
    def recovering(self) -> Iterator[None]:
        """Enter when it is broken, leave when the call is whole again; once or several times."""
        began = time.monotonic()
        psutil.cpu_percent()
        yield
        self.took(time.monotonic() - began)

    def took(self, took: float) -> None:
        """The call was whole again after so many seconds."""
        busy = psutil.cpu_percent() >= BUSY_PERCENT
        self.row.seconds.append(took)
        goal = self.row.goal_s
        if goal is None or took <= goal:
            return
        self.row.busy = self.row.busy or busy
        assert busy and took <= goal * BUSY_FACTOR, (
            f"{self.row.broken}: whole again after {took:.1f} s, the goal is {goal:g} s"
        )

    def lost(self, what: str) -> None:
        """Something that the caller must repeat, or that is missing afterwards."""
        if what not in self.row.lost:
            self.row.lost.append(what)

    def survived(self) -> None:
        """Everything that had to hold was asserted."""
        self.row.survived = True


def until(true: Callable[[], object], what: str, within_s: float) -> None:
    """Return as soon as it is true; AssertionError says what was not."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not so within {within_s:g} s: {what}"
        time.sleep(0.05)
