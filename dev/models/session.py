"""One voice at one decoder process: audio goes out, text comes back, and nobody is held up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

log = logging.getLogger("models.decoders")
END_WAIT_S = 1.0
# A decoder that stands still must not block the others: no more than this lies in its pipe (1 s).
MOST_IN_FLIGHT_BYTES = 32_000
# What a decoder takes at once: it decodes this in some 10 ms, in which it answers nothing else.
STEP_BYTES = 3200
# A decoder that owes an answer for so long is ended, and another one takes over.
STALLED_S = 5.0


class DecoderDied(Exception):
    """The decoder's process ended in the middle of a session."""


class Session:
    """A decoder process and its pipe; `begin` and `release` frame each voice that it hears.

    `on_partial(text)` is called as audio is decoded.
    """

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self._process, self._connection = process, connection
        self._voice = 0
        self._queue: deque[bytes] = deque()
        self._in_flight = 0
        self._final: asyncio.Future[str] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._died = False
        self.on_partial: Callable[[str], None] = _nobody

    @property
    def alive(self) -> bool:
        return not self._died and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def behind_bytes(self) -> int:
        """Audio that was given and is not decoded yet."""
        return self._in_flight + sum(len(m) - 1 for m in self._queue if m[:1] == b"A")

    def begin(self) -> None:
        """A new voice: what was learned of the last one is forgotten."""
        self._voice += 1
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection.fileno(), self._receive)
        self._send(b"N%d" % self._voice)

    def start(self) -> None:
        """Begin an utterance; one that was open is discarded."""
        self._queue = deque(message for message in self._queue if message[:1] != b"A")
        self._send(b"S")

    def audio(self, pcm: bytes) -> None:
        """Raises DecoderDied, as the next two do."""
        for start in range(0, len(pcm), STEP_BYTES):
            self._send(b"A" + pcm[start : start + STEP_BYTES])

    async def end(self) -> str:
        """End the utterance and return what was said, "" for nothing."""
        self._final = asyncio.get_running_loop().create_future()
        try:
            self._send(b"E")
            return await self._final
        finally:
            self._final = None

    def release(self) -> None:
        """Stop listening to the decoder; the next voice may have it."""
        if not self._died:
            self._loop.remove_reader(self._connection.fileno())
        self._watch_again(owed=False)
        self._queue.clear()
        self.on_partial = _nobody

    def kill(self) -> None:
        """Blocks: for a thread."""
        self._process.terminate()
        self._process.join(END_WAIT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(END_WAIT_S)
        self._connection.close()

    def _send(self, message: bytes) -> None:
        if self._died:
            raise DecoderDied
        self._queue.append(message)
        self._flush()

    def _flush(self) -> None:
        while self._queue and self._in_flight < MOST_IN_FLIGHT_BYTES:
            message = self._queue.popleft()
            if message[:1] == b"A":
                self._in_flight += len(message) - 1
            try:
                self._connection.send_bytes(message)
            except OSError:
                self._on_death()
                return
        if self._watch is None:
            self._watch_again(owed=self._owes)

    @property
    def _owes(self) -> bool:
        return self._in_flight > 0 or self._final is not None

    def _receive(self) -> None:
        try:
            message: dict[str, Any] = self._connection.recv()
        except (EOFError, OSError):
            self._on_death()
            return
        self._in_flight -= message.get("took", 0)
        if message["voice"] == self._voice:
            if "text" in message:
                self.on_partial(message["text"])
            elif self._final is not None and not self._final.done():
                self._final.set_result(message["final"])
                self._final = None
        self._watch_again(owed=self._owes)
        self._flush()

    def _watch_again(self, *, owed: bool) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_later(STALLED_S, self._on_stall) if owed else None

    def _on_stall(self) -> None:
        log.warning("decoder (pid %s) owes an answer for %.0f s: ended", self.pid, STALLED_S)
        self._process.kill()  # its pipe closes, which _receive notices

    def _on_death(self) -> None:
        if self._died:
            return
        self._died = True
        self._loop.remove_reader(self._connection.fileno())
        self._watch_again(owed=False)
        log.warning("decoder (pid %s) died", self.pid)
        if self._final is not None and not self._final.done():
            self._final.set_exception(DecoderDied())


def _nobody(_text: str) -> None:
    """Between voices nobody listens."""
