"""Waiting for something to become true, woken by each change instead of by a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """`notify()` whenever something that somebody may wait for has changed."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Event] = set()

    def notify(self) -> None:
        for each in self._waiters:
            each.set()

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """True as soon as the condition holds, False when `timeout` seconds have passed."""
        if condition():
            return True
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    changed.clear()
                    await changed.wait()
            return True
        except TimeoutError:
            return condition()
        finally:
            self._waiters.discard(changed)
