"""Copies of a conversation at Letta: made, labelled, and deleted in the background.

A call never waits for tidying up; what could not be deleted during it is deleted at its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import letta_client
from letta_client import AsyncLetta

logger = logging.getLogger("agent.letta")

DELETING_TIMEOUT = 0.5  # seconds for what could not be tidied up before

Fork = asyncio.Task[str | None]
"""Gives the id of the copy, or None when Letta could not make it."""


class Forks:
    """The forks of one room's conversation; all of them have `label`."""

    def __init__(self, client: AsyncLetta, label: str) -> None:
        self.label = label
        self._client = client
        self._dropped: set[str] = set()  # conversations that are to be deleted
        self._chores: set[asyncio.Task[None]] = set()

    def make(self, conversation_id: str) -> Fork:
        return asyncio.create_task(self._make(conversation_id), name="fork the conversation")

    def discard(self, fork: Fork | None) -> None:
        """Delete it as soon as it is made."""
        if fork is not None:
            self.later(self._delete_fork(fork))

    def drop(self, conversation_id: str) -> None:
        """It is to be deleted, at the end of the call if not before."""
        self._dropped.add(conversation_id)

    async def delete(self, conversation_id: str) -> None:
        with suppress(letta_client.NotFoundError):
            await self._client.conversations.delete(conversation_id)
        self._dropped.discard(conversation_id)

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
        for conversation_id in list(self._dropped):
            self.later(self.delete(conversation_id))
        if self._chores:
            await asyncio.wait(self._chores, timeout=DELETING_TIMEOUT)

    async def _make(self, conversation_id: str) -> str | None:
        fork = None
        try:
            fork = await self._client.conversations.fork(conversation_id)
            await self._client.conversations.update(fork.id, summary=self.label)
        except letta_client.APIError as error:
            logger.warning("the conversation %s could not be forked: %s", conversation_id, error)
            if fork is not None:  # without a label nobody would find it
                self.drop(fork.id)
            return None
        return fork.id

    async def _delete_fork(self, fork: Fork) -> None:
        if conversation_id := await fork:
            self.drop(conversation_id)
            await self.delete(conversation_id)

    def _chore_done(self, chore: asyncio.Task[None]) -> None:
        self._chores.discard(chore)
        if not chore.cancelled() and (error := chore.exception()):
            logger.warning("tidying up a conversation failed: %s", error)


def failed(fork: Fork) -> bool:
    """Whether there will be no copy."""
    return fork.done() and (fork.cancelled() or fork.result() is None)
