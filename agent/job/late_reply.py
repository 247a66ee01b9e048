"""A caller who waits for a reply is told why, when the machine has no CPU left to make it sooner.

A provider that is slow has verdicts of its own; this is about the machine that everything runs on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable

import psutil

from agent.events import Events

LATE = 4.0  # seconds after the caller's speech, in which a reply usually has begun long ago
BUSY = 0.9  # share of all cores that were busy meanwhile
AGAIN = 60.0  # seconds in which it is not said twice
ONE_MOMENT = "One moment please. This computer is out of processor time."


class LateReply:
    """Watches the time from the end of the caller's speech to the first sound of the reply.

    `says(sentence)` is called when nothing else is about to be said; while a reply is being made,
    its voice says the sentence before it (`before`).
    """

    def __init__(
        self,
        events: Events,
        waits: Callable[[], bool],
        is_making_reply: Callable[[], bool],
        says: Callable[[str], None],
        busy: Callable[[], tuple[float, float]] | None = None,
    ) -> None:
        """`waits()`: a reply is due and has not begun. `busy()`: CPU seconds used, and all."""
        self._events = events
        self._waits, self._is_making_reply, self._says = waits, is_making_reply, says
        self._busy = busy or _cpu_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._since, self._before = 0.0, (0.0, 0.0)
        self._told_at: float | None = None
        self._due = asyncio.Event()  # the voice of the reply shall say it

    def begin(self) -> None:
        """The caller has stopped speaking."""
        self.end()
        self._since, self._before = time.monotonic(), self._busy()
        self._timer = asyncio.get_running_loop().call_later(LATE, self._late)

    def end(self) -> None:
        """The reply has begun to sound, the caller speaks again, or the call is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due.clear()

    async def before(self, text: AsyncIterable[str]) -> tuple[str, AsyncIterator[str]]:
        """Wait for the first of a reply's text, or until the caller must be told meanwhile.

        What to say first ("" when the text was there in time), and the whole text.
        """
        source = aiter(text)
        first = asyncio.ensure_future(anext(source, None))
        due = asyncio.ensure_future(self._due.wait())
        try:
            await asyncio.wait({first, due}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            first.cancel()
            raise
        finally:
            due.cancel()
        sentence = "" if first.done() else ONE_MOMENT
        self._due.clear()
        return sentence, _whole(first, source)

    def _late(self) -> None:
        self._timer = None
        (used, total), (used_before, total_before) = self._busy(), self._before
        share = (used - used_before) / max(total - total_before, 1e-6)
        if share < BUSY or not self._waits():
            return
        now = time.monotonic()
        if self._told_at is not None and now - self._told_at < AGAIN:
            return
        self._told_at = now
        self._events.emit(
            "job",
            "out_of_cpu",
            waited=round(now - self._since, 1),
            cpu=round(min(share, 1.0), 2),
            cores=psutil.cpu_count() or 1,
            said=ONE_MOMENT,
        )
        if self._is_making_reply():
            self._due.set()
        else:
            self._says(ONE_MOMENT)


async def _whole(first: asyncio.Future[str | None], rest: AsyncIterator[str]) -> AsyncIterator[str]:
    try:
        if (piece := await first) is not None:
            yield piece
            async for piece in rest:
                yield piece
    finally:
        first.cancel()


async def only(sentence: str) -> AsyncIterator[str]:
    """A text of one piece."""
    yield sentence


def _cpu_seconds() -> tuple[float, float]:
    """Seconds for which the machine's cores were busy, and all there were."""
    times = psutil.cpu_times()
    total = sum(times[:8])  # what follows (guest) is part of what stands before
    return total - times.idle - getattr(times, "iowait", 0.0), total
