"""The threads in which a model works: one model serves all calls, and somebody must be next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")
Rank = tuple[float, ...]


@dataclass(eq=False)
class _Job:
    rank: Callable[[], Rank]
    work: Callable[[], Any]
    done: asyncio.Future[Any] = field(default_factory=asyncio.Future)


class ModelThreads:
    """Whoever has the lowest rank is next; of those with the same one, whoever came first."""

    def __init__(self, name: str, count: int = 1) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._count = self._free = count
        self._waiting: list[_Job] = []

    @property
    def length(self) -> int:
        """How many wait or are served."""
        return len(self._waiting) + self._count - self._free

    async def run(
        self,
        rank: Callable[[], Rank],
        work: Callable[P, Result],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Result:
        """What `work` returns, called in one of the threads when its turn has come."""
        job = _Job(rank, partial(work, *args, **kwargs))
        self._waiting.append(job)
        self._next()
        try:
            result: Result = await job.done
        finally:
            if job in self._waiting:  # cancelled before its turn
                self._waiting.remove(job)
        return result

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        while self._free and self._waiting:
            job = min(self._waiting, key=lambda job: job.rank())
            self._waiting.remove(job)
            self._free -= 1
            working = asyncio.get_running_loop().run_in_executor(self._threads, job.work)
            working.add_done_callback(partial(self._finished, job))

    def _finished(self, job: _Job, working: asyncio.Future[Any]) -> None:
        self._free += 1
        error = None if working.cancelled() else working.exception()  # asked for: it is seen
        if not job.done.done():
            if working.cancelled():
                job.done.cancel()
            elif error is not None:
                job.done.set_exception(error)
            else:
                job.done.set_result(working.result())
        self._next()
