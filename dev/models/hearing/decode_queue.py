"""Who is decoded next: one model serves all calls, one decode at a time.

What a caller waits for goes before files, and files before words that are only shown early; of
those that want the same, whoever was served longest ago. A decode is at most half a minute of
sound, so nobody waits for long behind one that has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from itertools import count
from typing import TypeVar
from weakref import WeakKeyDictionary

from dev.models.model_threads import ModelThreads

Result = TypeVar("Result")


class Urgency(IntEnum):
    """What a decode is for; lower goes first."""

    AWAITED = 0  # the text of an utterance that has paused or is over
    FILE = 1
    INTERIM = 2  # words shown while they are spoken


class Client:
    """Whoever has sound decoded: a call, or the upload of a file."""


class DecodeQueue:
    def __init__(self) -> None:
        self._thread = ModelThreads("speech-to-text")
        self._order = count(1)
        self._served: WeakKeyDictionary[Client, int] = WeakKeyDictionary()

    @property
    def idle(self) -> bool:
        return self.length == 0

    @property
    def length(self) -> int:
        """How many wait or are served."""
        return self._thread.length

    async def run(self, client: Client, urgency: Urgency, work: Callable[[], Result]) -> Result:
        """What `work` returns, called in the model's thread when its turn has come."""

        def served() -> Result:
            self._served[client] = next(self._order)
            return work()

        return await self._thread.run(lambda: (urgency, self._served.get(client, 0)), served)

    def close(self) -> None:
        self._thread.close()
