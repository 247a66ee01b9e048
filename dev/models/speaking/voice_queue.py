"""Who speaks next: one voice serves all calls, in small pieces of sound.

The piece whose deadline is first goes first: a new text's is now, and that of one that sounds
already is when what it has is played. So nobody's speech has a gap while another's has a store.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")

# Replies that begin together are more than one core can do in time.
AT_ONCE = 2


@dataclass(order=True)
class _Job:
    deadline: float
    order: int
    work: Callable[[], Any] = field(compare=False)
    done: asyncio.Future[Any] = field(compare=False, default_factory=asyncio.Future)


class VoiceQueue:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="text-to-speech")
        self._waiting: list[_Job] = []
        self._running = 0
        self._order = count()

    async def run(
        self, deadline: float, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """What `work` returns, called in one of the voice's threads when its turn has come."""
        job = _Job(deadline, next(self._order), partial(work, *args, **kwargs))
        heapq.heappush(self._waiting, job)
        self._next()
        result: Result = await job.done
        return result

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        while self._waiting and self._running < AT_ONCE:
            job = heapq.heappop(self._waiting)
            if job.done.done():  # nobody waits for it any more
                continue
            self._running += 1
            running = asyncio.get_running_loop().run_in_executor(self._threads, job.work)
            running.add_done_callback(partial(self._finished, job))

    def _finished(self, job: _Job, made: asyncio.Future[Any]) -> None:
        self._running -= 1
        if not job.done.done():
            if made.cancelled():
                job.done.cancel()
            elif error := made.exception():
                job.done.set_exception(error)
            else:
                job.done.set_result(made.result())
        self._next()
