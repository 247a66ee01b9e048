"""The decoder processes: one a session, forked from one fork server, kept for the next session."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from dev.models import decoder

log = logging.getLogger("models.decoders")
KEPT_IDLE = 2
END_WAIT_S = 1.0
# A decoder that stands still must not block the others: no more than this lies in its pipe (1 s).
MOST_IN_FLIGHT_BYTES = 32_000
STEP_BYTES = 3200


class NoDecoderFree(Exception):
    """As many sessions are open as there may be decoders."""


class DecoderDied(Exception):
    """The decoder's process ended in the middle of a session."""


class Session:
    """One voice at one decoder. `on_partial(text)` is called as audio is decoded."""

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self._process, self._connection = process, connection
        self._final: asyncio.Future[str] | None = None
        self.on_partial: Callable[[str], None] = lambda _text: None
        self.on_death: Callable[[], None] = lambda: None
        self.alive = True
        self._queue: deque[bytes] = deque()
        self._in_flight = 0

    @property
    def behind_bytes(self) -> int:
        """Audio that was given and is not decoded yet."""
        return self._in_flight + sum(len(m) - 1 for m in self._queue if m[:1] == b"A")

    def begin(self) -> None:
        """A new voice: what was learned of the last one is forgotten."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection.fileno(), self._receive)
        self._send(b"N")

    def start(self) -> None:
        """Begin an utterance; one that was open is discarded."""
        self._queue.clear()
        self._send(b"S")

    def audio(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), STEP_BYTES):
            self._send(b"A" + pcm[start : start + STEP_BYTES])

    async def end(self) -> str:
        """End the utterance and return what was said, "" for nothing."""
        self._final = asyncio.get_running_loop().create_future()
        self._send(b"E")
        try:
            return await self._final
        finally:
            self._final = None

    def release(self) -> None:
        """Stop listening to the decoder; the next session may have it."""
        if self.alive:
            self._loop.remove_reader(self._connection.fileno())
        self.on_partial = lambda _text: None
        self.on_death = lambda: None

    def kill(self) -> None:
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(END_WAIT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(END_WAIT_S)
        self._connection.close()

    def _send(self, message: bytes) -> None:
        if not self.alive:
            raise DecoderDied
        self._queue.append(message)
        self._flush()

    def _flush(self) -> None:
        while self._queue and self._in_flight < MOST_IN_FLIGHT_BYTES:
            message = self._queue.popleft()
            self._in_flight += len(message) - 1
            try:
                self._connection.send_bytes(message)
            except OSError:
                self._died()
                return

    def _receive(self) -> None:
        try:
            message: dict[str, Any] = self._connection.recv()
        except (EOFError, OSError):
            self._died()
            return
        if "final" in message:
            if self._final is not None and not self._final.done():
                self._final.set_result(message["final"])
        else:
            self._in_flight -= message["took"]
            self.on_partial(message["text"])
            self._flush()

    def _died(self) -> None:
        if not self.alive:
            return
        self.alive = False
        self._loop.remove_reader(self._connection.fileno())
        log.warning("decoder (pid %s) died", self._process.pid)
        if self._final is not None and not self._final.done():
            self._final.set_exception(DecoderDied())
        self.on_death()


class Decoders:
    """At most `most` decoders; one waits ready, others are started when they are needed."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["dev.models.acoustics"])
        self._idle: list[Session] = []
        self._busy: set[Session] = set()

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def busy(self) -> int:
        return len(self._busy)

    async def start(self) -> None:
        self._idle.append(await asyncio.to_thread(self._fork))

    async def take(self) -> Session:
        """A decoder for a new voice. Raises NoDecoderFree."""
        while self._idle:
            session = self._idle.pop()
            if session.alive and session._process.is_alive():
                break
            await asyncio.to_thread(session.kill)
        else:
            if self.busy >= self.most:
                raise NoDecoderFree(
                    f"{self.busy} voices are being heard, which is the most (MODELS_STT_WORKERS)"
                )
            session = await asyncio.to_thread(self._fork)
        self._busy.add(session)
        session.begin()
        return session

    async def give_back(self, session: Session) -> None:
        self._busy.discard(session)
        session.release()
        if session.alive and len(self._idle) < KEPT_IDLE:
            self._idle.append(session)
        else:
            await asyncio.to_thread(session.kill)

    async def close(self) -> None:
        for session in [*self._idle, *self._busy]:
            await asyncio.to_thread(session.kill)
        self._idle.clear()

    def _fork(self) -> Session:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=decoder.serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return Session(process, ours)
