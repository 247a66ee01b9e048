"""An asyncio loop in a thread of its own: Playwright has one in the thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Self, TypeVar

T = TypeVar("T")
LIMIT_S = 60.0


class LoopThread:
    """`with LoopThread() as loop: loop.run(coroutine)`; what was begun goes on between two runs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop of a test")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], limit_s: float = LIMIT_S) -> T:
        """What comes of it; an exception is raised here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(limit_s)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have it done beside the test."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @contextmanager
    def inside(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Within an asynchronous context manager, as seen from outside of the loop."""
        entered = self.run(manager.__aenter__())
        try:
            yield entered
        except BaseException as error:
            if not self.run(manager.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self.run(manager.__aexit__(None, None, None))
