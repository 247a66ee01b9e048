"""How this very process is: what it has met, and how late its event loop is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

import psutil

EVERY = 0.5  # seconds between two looks at the loop
LOOKS = 20
RECENT = 600.0  # seconds for which an error counts as recent
LATE = 0.5  # seconds by which a loop is late enough to be told before it is time
TOLD_EVERY, LATE_TOLD_EVERY, FIRST_TOLD = 60.0, 10.0, 10.0  # seconds
MB = 2**20


class Vitals(logging.Handler):
    """Counts the errors that are logged; `watch` measures by how much the loop is late."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors = 0
        self._recent: deque[float] = deque(maxlen=1000)
        self._lags: deque[float] = deque(maxlen=LOOKS)

    def emit(self, record: logging.LogRecord) -> None:
        self.errors += 1
        self._recent.append(record.created)

    async def watch(self, looked: Callable[[float], None] = lambda _: None) -> None:
        """Until cancelled; `looked` is called with each lag, in seconds."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + EVERY
            await asyncio.sleep(EVERY)
            self._lags.append(max(0.0, clock() - due))
            looked(self._lags[-1])

    @property
    def lag(self) -> float:
        """Seconds by which the loop was late at worst within the last ten."""
        return max(self._lags, default=0.0)

    @property
    def recent_errors(self) -> int:
        since = time.time() - RECENT
        return sum(at >= since for at in self._recent)


class JobVitals:
    """Tells the vitals of a job process as `job.health`: each minute, and when its loop is late."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit
        self._vitals = Vitals()
        self._process = psutil.Process()
        self._told_at = time.monotonic() - TOLD_EVERY + FIRST_TOLD
        self._worst = 0.0
        logging.getLogger().addHandler(self._vitals)
        self._task = asyncio.create_task(self._vitals.watch(self._looked), name="vitals")

    def _looked(self, lag: float) -> None:
        self._worst = max(self._worst, lag)
        since = time.monotonic() - self._told_at
        if since < TOLD_EVERY and (self._worst < LATE or since < LATE_TOLD_EVERY):
            return
        self._emit(
            "job",
            "health",
            lag=round(self._worst, 3),
            errors=self._vitals.errors,
            memory_mb=round(self._process.memory_info().rss / MB),
            cpu_s=round(time.process_time(), 1),
        )
        self._told_at, self._worst = time.monotonic(), 0.0
