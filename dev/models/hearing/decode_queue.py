"""Who is decoded next: one model serves all calls, one decode at a time.

What a caller waits for goes before files, and files before words that are only shown early; of
those that want the same, whoever was served longest ago. A decode is at most half a minute of
sound, so nobody waits for long behind one that has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Result = TypeVar("Result")


class Urgency(IntEnum):
    """What a decode is for; lower goes first."""

    AWAITED = 0  # the text of an utterance that has paused or is over
    FILE = 1
    INTERIM = 2  # words shown while they are spoken


class Client:
    """Whoever has sound decoded: a call, or the upload of a file."""


@dataclass(eq=False)
class _Job:
    client: Client
    urgency: Urgency
    work: Callable[[], Any]
    done: asyncio.Future[Any] = field(default_factory=asyncio.Future)


class DecodeQueue:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="speech-to-text")
        self._waiting: list[_Job] = []
        self._running: _Job | None = None
        self._order = count(1)
        self._served: WeakKeyDictionary[Client, int] = WeakKeyDictionary()

    @property
    def idle(self) -> bool:
        return self._running is None and not self._waiting

    @property
    def length(self) -> int:
        """How many wait or are served."""
        return len(self._waiting) + (self._running is not None)

    async def run(self, client: Client, urgency: Urgency, work: Callable[[], Result]) -> Result:
        """What `work` returns, called in the model's thread when its turn has come."""
        job = _Job(client, urgency, work)
        self._waiting.append(job)
        self._next()
        try:
            result: Result = await job.done
        finally:
            if job in self._waiting:  # cancelled before its turn
                self._waiting.remove(job)
        return result

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        if self._running is not None or not self._waiting:
            return
        job = min(self._waiting, key=lambda job: (job.urgency, self._served.get(job.client, 0)))
        self._waiting.remove(job)
        self._running = job
        self._served[job.client] = next(self._order)
        running = asyncio.get_running_loop().run_in_executor(self._thread, job.work)
        running.add_done_callback(self._finished)

    def _finished(self, running: asyncio.Future[Any]) -> None:
        job, self._running = self._running, None
        assert job is not None
        error = running.exception() if not running.cancelled() else asyncio.CancelledError()
        if not job.done.done():
            if error is None:
                job.done.set_result(running.result())
            elif isinstance(error, asyncio.CancelledError):
                job.done.cancel()
            else:
                job.done.set_exception(error)
        self._next()
