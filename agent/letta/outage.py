"""A Letta that is away is asked until it answers, for a bounded time (the setting LETTA_PATIENCE).

What the caller says meanwhile is not lost: LiveKit's history has it, and Letta gets all that it
does not hold yet with the next request (memory.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from common.letta.backend import Backend
from common.letta.errors import LettaError

AWAY = ("letta_unreachable", "letta_timeout", "letta_stream_ended")
NOT_A_RESTART = ("dns", "busy")  # kinds of failure that a Letta which starts again does not cause
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 1.0  # seconds between two questions whether it is back
GROWTH = 1.2
ASK_TIMEOUT = 2.0


def is_away(error: LettaError) -> bool:
    """Whether this is what a Letta that stops or starts looks like."""
    return error.code in AWAY and error.failure.kind not in NOT_A_RESTART


class OutageWatch:
    """Waits for one outage at a time: from the first request that fails until one is answered.

    `back()` is called when Letta answers, again after each request that fails all the same;
    `gave_up(error, seconds)` when it stayed away for `limit` seconds.
    """

    def __init__(
        self,
        backend: Backend,
        limit: float,
        back: Callable[[], None],
        gave_up: Callable[[LettaError, float], None],
    ) -> None:
        self.limit = limit
        self._backend = backend
        self._back = back
        self._gave_up = gave_up
        self._since: float | None = None
        self._in_vain = False
        self._pause = FIRST_PAUSE
        self._asking: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float | None:
        """For how long Letta has been away; None when it is not."""
        return None if self._since is None else time.monotonic() - self._since

    def begin(self, error: LettaError) -> bool:
        """Wait from now on, unless that goes on already; False when it was in vain lately."""
        if self._in_vain or self.limit <= 0:
            return False
        if self._since is None:
            self._since = time.monotonic()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(error), name="wait for letta")
        return True

    def answered(self) -> float | None:
        """A request was answered; the seconds for which Letta had been away, if it had been."""
        seconds = self.seconds
        self._since, self._in_vain, self._pause = None, False, FIRST_PAUSE
        return seconds

    def aclose(self) -> None:
        """The call is over."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, error: LettaError) -> None:
        while (seconds := self.seconds) is not None:
            if seconds >= self.limit:
                self._since, self._in_vain, self._pause = None, True, FIRST_PAUSE
                self._asking = None
                self._gave_up(error, seconds)
                return
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)
            if await self._backend.is_there(ASK_TIMEOUT):
                self._asking = None  # a request that fails now begins another wait
                self._back()
                return
