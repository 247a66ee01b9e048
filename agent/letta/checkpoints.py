"""Places in a conversation to go back to, and conversations that are over: kept, and tidied up in
the background.

A call never waits for tidying up; what could not be done during it is done at its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from common.letta.backend import Backend
from common.letta.errors import LettaError

logger = logging.getLogger("agent.letta")

TIDYING_TIMEOUT = 0.5  # seconds for what could not be tidied up before

Checkpoint = asyncio.Task[str | None]
"""Gives the mark (common/letta/backend.py), or None when Letta could not make it."""


class Checkpoints:
    """Those of one room's conversation; what stands for one at Letta has `label`."""

    def __init__(self, backend: Backend, label: str) -> None:
        self.label = label
        self._backend = backend
        self._over: set[str] = set()  # conversations that are to be closed
        self._chores: set[asyncio.Task[None]] = set()

    def make(self, conversation_id: str) -> Checkpoint:
        return asyncio.create_task(self._make(conversation_id), name="mark the conversation")

    def discard(self, checkpoint: Checkpoint | None) -> None:
        """Forget it as soon as it is made."""
        if checkpoint is not None:
            self.later(self._forget(checkpoint))

    def drop(self, conversation_id: str) -> None:
        """It is to be closed, at the end of the call if not before."""
        self._over.add(conversation_id)

    async def close(self, conversation_id: str) -> None:
        await self._backend.close(conversation_id)
        self._over.discard(conversation_id)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background."""
        chore = asyncio.create_task(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chore_done)

    async def settled(self) -> None:
        """Return when nothing goes on in the background any more."""
        while self._chores:
            await asyncio.gather(*self._chores, return_exceptions=True)

    async def aclose(self) -> None:
        """What still waits, such as for a run to end, goes now."""
        chores = list(self._chores)
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        for conversation_id in list(self._over):
            self.later(self.close(conversation_id))
        self.later(self._backend.tidy_up())
        await asyncio.wait(self._chores, timeout=TIDYING_TIMEOUT)

    async def _make(self, conversation_id: str) -> str | None:
        try:
            return await self._backend.mark(conversation_id, self.label)
        except LettaError as error:
            logger.warning("there is no way back in %s: %s", conversation_id, error)
            return None

    async def _forget(self, checkpoint: Checkpoint) -> None:
        if mark := await checkpoint:
            await self._backend.forget(mark)

    def _chore_done(self, chore: asyncio.Task[None]) -> None:
        self._chores.discard(chore)
        if not chore.cancelled() and (error := chore.exception()):
            logger.warning("tidying up a conversation failed: %s", error)


def failed(checkpoint: Checkpoint) -> bool:
    """Whether there will be no way back."""
    return checkpoint.done() and (checkpoint.cancelled() or checkpoint.result() is None)
