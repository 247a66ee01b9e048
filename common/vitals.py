"""How this very process is: what it has met, and how late its event loop is. Standard library only.

The proxy, the worker and each of its jobs have one; the models and Letta servers of dev/ answer
`GET /vitals` with theirs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

EVERY_S = 0.5
"""Between two looks at the loop."""
LOOKS = 20
RECENT_S = 600.0
"""Errors that are older than this are not counted as recent."""


class Vitals(logging.Handler):
    """Counts the errors that are logged; `watch` measures by how much the loop is late."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors = 0
        self.active_at = time.time()
        self._recent: deque[float] = deque(maxlen=1000)
        self._lags: deque[float] = deque(maxlen=LOOKS)

    def active(self) -> None:
        """Somebody wants something of this process."""
        self.active_at = time.time()

    def emit(self, record: logging.LogRecord) -> None:
        self.errors += 1
        self._recent.append(record.created)

    async def watch(self, on_lag: Callable[[float], None] = lambda _: None) -> None:
        """Until cancelled; the loop that runs it is the one that is measured. `on_lag` is called
        with each measurement, in seconds."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self._lags.append(max(0.0, clock() - due))
            on_lag(self._lags[-1])

    @property
    def lag(self) -> float:
        """Seconds by which the loop was late at worst within the last ten."""
        return max(self._lags, default=0.0)

    @property
    def recent_errors(self) -> int:
        since = time.time() - RECENT_S
        return sum(at >= since for at in self._recent)

    def data(self) -> dict[str, Any]:
        """What `GET /vitals` answers; times are seconds since the epoch."""
        return {
            "pid": os.getpid(),
            "lag": round(self.lag, 4),
            "errors": self.errors,
            "recent_errors": self.recent_errors,
            "active_at": round(self.active_at, 3),
        }
