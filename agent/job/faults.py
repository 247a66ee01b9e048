"""Faults on purpose, for tests: what a job does wrong when its dispatch asks for it.

Only with FAULTS_ENABLED=true; without it the fault is refused in the log, and the call is like any
other.
"""

from __future__ import annotations

import asyncio
import logging
import os

from livekit.agents import JobContext

from agent.events import Events

logger = logging.getLogger("agent.job")

KINDS = ("raise", "exit", "hang_before_connect", "slow_bootstrap", "leave")
EXIT_CODE = 3
SLOW = 7.0  # seconds
LEAVES_AFTER = 3.0  # seconds


class Faults:
    """The fault of one job; `kind` None: none."""

    def __init__(self, kind: str | None, enabled: bool, events: Events) -> None:
        self._kind: str | None = None
        self._leaving: asyncio.Task[None] | None = None
        if kind is None:
            return
        if not enabled:
            logger.error(
                "the dispatch asks for the fault %r, which is refused: FAULTS_ENABLED is not true",
                kind,
            )
        elif kind not in KINDS:
            logger.error("there is no fault %r; there are %s", kind, ", ".join(KINDS))
        else:
            logger.warning("this job fails on purpose: %s", kind)
            self._kind = kind
            events.emit("job", "fault", kind=kind)

    async def before_connect(self) -> None:
        if self._kind == "raise":
            raise RuntimeError("failed on purpose in the entrypoint")
        if self._kind == "exit":
            os._exit(EXIT_CODE)
        if self._kind == "hang_before_connect":
            await asyncio.Event().wait()

    async def before_session(self) -> None:
        if self._kind == "slow_bootstrap":
            await asyncio.sleep(SLOW)

    def joined(self, ctx: JobContext) -> None:
        if self._kind == "leave":
            self._leaving = asyncio.create_task(self._leave(ctx), name="leave on purpose")

    @staticmethod
    async def _leave(ctx: JobContext) -> None:
        await asyncio.sleep(LEAVES_AFTER)
        await ctx.room.disconnect()
