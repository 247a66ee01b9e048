"""Waiting for a Letta that is away: it is asked until it answers, for a bounded time.

What the caller says meanwhile is not lost: LiveKit's history has it, and Letta gets all that it
does not hold yet with the next request (memory.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import letta_client
from letta_client import AsyncLetta

from agent.letta.errors import Trouble

logger = logging.getLogger("agent.letta")

AWAY = ("letta_unreachable", "letta_timeout", "letta_stream_ended")
PROVES_NOTHING = ("dns", "busy")  # kinds of failure that do not come from a Letta that starts again
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 1.0  # seconds between two questions whether it is back
GROWTH = 1.2
ASK_TIMEOUT = 2.0


def is_away(trouble: Trouble) -> bool:
    """Whether this is what a Letta that stops or starts looks like."""
    return trouble.code in AWAY and trouble.failure.kind not in PROVES_NOTHING


class Patience:
    """One wait at a time, from the first request that fails until one is answered again.

    `back()` is called when Letta answers, again after each request that fails all the same;
    `given_up(trouble, seconds)` when the time is over.
    """

    def __init__(
        self,
        client: AsyncLetta,
        seconds: float,
        back: Callable[[], None],
        given_up: Callable[[Trouble, float], None],
    ) -> None:
        self.seconds = seconds
        self._client = client.with_options(max_retries=0, timeout=ASK_TIMEOUT)
        self._back = back
        self._given_up = given_up
        self._since: float | None = None
        self._in_vain = False
        self._pause = FIRST_PAUSE
        self._asking: asyncio.Task[None] | None = None

    @property
    def waited(self) -> float | None:
        """Seconds for which Letta has been away; None when it is not."""
        return None if self._since is None else time.monotonic() - self._since

    def begin(self, trouble: Trouble) -> bool:
        """Wait from now on, unless that goes on already; False when it was in vain lately."""
        if self._in_vain or self.seconds <= 0:
            return False
        if self._since is None:
            self._since = time.monotonic()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(trouble), name="wait for letta")
        return True

    def answered(self) -> float | None:
        """A request was answered; the seconds for which Letta had been away, if it had been."""
        waited = self.waited
        self._since, self._in_vain, self._pause = None, False, FIRST_PAUSE
        return waited

    def aclose(self) -> None:
        """The call is over."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, trouble: Trouble) -> None:
        while (waited := self.waited) is not None:
            if waited >= self.seconds:
                self._since, self._in_vain, self._pause = None, True, FIRST_PAUSE
                self._asking = None
                self._given_up(trouble, waited)
                return
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)
            if await self._answers():
                self._asking = None  # a request that fails now begins another wait
                self._back()
                return

    async def _answers(self) -> bool:
        try:
            await self._client.health()
        except letta_client.APIStatusError as error:
            return error.status_code < 500  # it is there, whatever it thinks of the question
        except letta_client.APIError:
            return False
        return True
