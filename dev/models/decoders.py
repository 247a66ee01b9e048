"""The decoder processes: one a voice, forked from one fork server, kept for the next voice."""

from __future__ import annotations

import asyncio
import multiprocessing

from dev.models import decoder
from dev.models.session import Session

KEPT_IDLE = 2


class NoDecoderFree(Exception):
    """As many voices are being heard as there may be decoders."""


class Decoders:
    """At most `most` decoders; one waits ready, others are started when they are needed."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.busy = 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["dev.models.acoustics"])
        self._idle: list[Session] = []
        self._taken: set[Session] = set()

    @property
    def idle(self) -> int:
        return len(self._idle)

    async def start(self) -> None:
        """Load the models and have one decoder ready. Raises DecoderDied when that fails."""
        session = await self.take()
        await session.end()
        await self.give_back(session)

    async def take(self) -> Session:
        """A decoder for a new voice. Raises NoDecoderFree."""
        if self.busy >= self.most:
            raise NoDecoderFree(
                f"{self.busy} voices are being heard, which is the most; "
                "raise MODELS_STT_WORKERS to hear more at once"
            )
        self.busy += 1
        try:
            session = await self._ready()
        except BaseException:
            self.busy -= 1
            raise
        self._taken.add(session)
        session.begin()
        return session

    async def give_back(self, session: Session) -> None:
        """End a voice: its decoder waits for the next one, or ends where enough wait already."""
        if session not in self._taken:
            return
        self._taken.remove(session)
        self.busy -= 1
        session.release()
        if session.alive and self.idle < KEPT_IDLE:
            self._idle.append(session)
        else:
            await asyncio.to_thread(session.kill)

    async def close(self) -> None:
        for session in [*self._idle, *self._taken]:
            await asyncio.to_thread(session.kill)
        self._idle.clear()

    async def _ready(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            if session.alive:
                return session
            await asyncio.to_thread(session.kill)
        return await asyncio.to_thread(self._fork)

    def _fork(self) -> Session:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=decoder.serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return Session(process, ours)
