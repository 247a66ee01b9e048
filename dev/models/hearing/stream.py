"""`GET /v1/audio/transcriptions/stream`: words while the caller still speaks.

README.md has the messages. The client says when the voice pauses; what was said until then is
decoded while the silence is waited out, so that the final text is there at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

from aiohttp import WSCloseCode, WSMsgType, web

from dev.models import faults
from dev.models.hearing.decode_queue import Client, Urgency
from dev.models.hearing.listening import CannotHear, Listening
from dev.models.hearing.utterance import Utterance, joined
from dev.models.hearing.whisper import RATE, Heard

MAX_MESSAGE_BYTES = 65_536
LONGEST_UTTERANCE_S = 60
# Words that are shown early: after so much new speech, and at most this share of the time.
INTERIM_EVERY_S, INTERIM_SHARE = 1.0, 0.1
LAGGING_S = 0.5
# For so long, what was said helps to understand what comes next; and so many phrases of it.
REMEMBERED_S, MOST_REMEMBERED = 10.0, 8
HEARTBEAT_S = 20
log = logging.getLogger("models.hearing")


def routes(listening: Listening) -> list[web.RouteDef]:
    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=HEARTBEAT_S)
        await socket.prepare(request)
        await Stream(socket, listening, request).run()
        return socket

    return [web.get("/v1/audio/transcriptions/stream", stream)]


@dataclass(frozen=True)
class _Wanted:
    """A text that the client waits for."""

    kind: Literal["pause", "end", "cut"]
    utterance: Utterance
    at: float
    careful: bool = True


def _sureness(pieces: list[Heard]) -> dict[str, float]:
    if not pieces:
        return {}
    return {
        "log_probability": round(min(piece.log_probability for piece in pieces), 2),
        "no_speech": round(max(piece.no_speech for piece in pieces), 2),
    }


class Stream:
    """One socket: one voice, its utterances one after another.

    `run` takes what comes, `_answer` decodes what is wanted in order, and in between what is worth
    to be shown early.
    """

    def __init__(
        self, socket: web.WebSocketResponse, listening: Listening, request: web.Request
    ) -> None:
        self._socket, self._listening, self._request = socket, listening, request
        self._client = Client()
        self._utterance = Utterance(listening, self._client)
        self._wanted: deque[_Wanted] = deque()
        self._news = asyncio.Event()
        self._shown = ""
        self._shown_s = 0.0  # of the utterance were decoded to show them
        self._next_interim = 0.0
        self._said: list[Heard] = []
        self._said_at = 0.0

    async def run(self) -> None:
        reader = asyncio.create_task(self._read(), name="sound of a voice")
        answerer = asyncio.create_task(self._answer(), name="words of a voice")
        code = WSCloseCode.OK
        try:
            await asyncio.wait({reader, answerer}, return_when=asyncio.FIRST_COMPLETED)
            if answerer.done():
                code = await self._why(answerer)
        finally:
            for task in (reader, answerer):
                task.cancel()
            await asyncio.gather(reader, answerer, return_exceptions=True)
            await self._socket.close(code=code)

    async def _why(self, answerer: asyncio.Task[None]) -> WSCloseCode:
        """Tell why nothing more is answered, and the code to close with."""
        error = answerer.exception()
        if error is None or isinstance(error, ConnectionError):
            return WSCloseCode.OK
        if not isinstance(error, CannotHear):
            log.error("speech-to-text failed", exc_info=error)
        kind = "no_model" if isinstance(error, CannotHear) else "transcription_failed"
        with contextlib.suppress(ConnectionError):
            await self._error(kind, str(error) or type(error).__name__)
        return WSCloseCode.TRY_AGAIN_LATER

    async def _read(self) -> None:
        """Take sound and wishes until the client leaves."""
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                await self._hear(message.data)
            elif message.type is WSMsgType.TEXT:
                try:
                    said = json.loads(message.data)
                    kind = said["type"]
                except (ValueError, KeyError, TypeError):
                    said, kind = {}, None
                if kind == "close":
                    return
                await self._control(kind, said, message.data)
            self._news.set()

    async def _hear(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            await self._error(
                "bad_message", f"{len(pcm)} bytes of audio: samples have two bytes each"
            )
            return
        self._utterance.hear(pcm)
        if self._utterance.seconds >= LONGEST_UTTERANCE_S:
            self._end("cut")

    async def _control(self, kind: object, said: dict[str, object], text: str) -> None:
        if kind == "start":
            self._begin()
            self._utterance.alone = said.get("alone") is True
        elif kind == "pause":
            careful = said.get("quick") is not True
            self._wanted.append(_Wanted("pause", self._utterance, time.monotonic(), careful))
        elif kind == "end":
            self._end("end")
        else:
            await self._error(
                "bad_message", f"{text[:80]!r}: send start, pause, end, close, or audio"
            )

    def _begin(self) -> None:
        self._utterance = Utterance(self._listening, self._client)
        self._shown, self._shown_s = "", 0.0

    def _end(self, kind: Literal["end", "cut"]) -> None:
        self._wanted.append(_Wanted(kind, self._utterance, time.monotonic()))
        self._begin()

    async def _answer(self) -> None:
        await self._listening.ready()
        await self._socket.send_json({"type": "ready", "sample_rate": RATE})
        while True:
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                await self._awaited(self._wanted.popleft())
            if self._is_interim_due():
                await self._interim()

    async def _awaited(self, wanted: _Wanted) -> None:
        utterance = wanted.utterance
        audio_s = round(utterance.seconds, 3)
        self._remind(utterance, wanted.at)
        understood = utterance.understood(Urgency.AWAITED, careful=wanted.careful)
        decoding = asyncio.create_task(understood)
        try:
            while not (await asyncio.wait({decoding}, timeout=LAGGING_S))[0]:
                behind_s = round(time.monotonic() - wanted.at, 2)
                await self._socket.send_json({"type": "lagging", "behind_s": behind_s})
        finally:
            decoding.cancel()
        pieces = decoding.result()
        text = joined(pieces)
        if wanted.kind == "pause":
            if faults.is_deaf(self._request):
                text = ""
            if utterance is self._utterance:
                self._shown, self._shown_s = text, utterance.seconds
            partial = {"type": "partial", "text": text, "paused": True, **_sureness(pieces)}
            await self._socket.send_json(partial)
            return
        if pieces:
            self._said = [*utterance.before, *pieces][-MOST_REMEMBERED:]
            self._said_at = time.monotonic()
        text = await faults.at_final(self._request, text)
        decode_ms = round((time.monotonic() - wanted.at) * 1000)
        final = {
            "type": "final",
            "text": text,
            "audio_s": audio_s,
            "decode_ms": decode_ms,
            **_sureness(pieces),
        }
        await self._socket.send_json({**final, "cut": True} if wanted.kind == "cut" else final)

    def _remind(self, utterance: Utterance, now: float) -> None:
        if now - self._said_at < REMEMBERED_S and not utterance.alone:
            utterance.before = self._said

    def _is_interim_due(self) -> bool:
        """Not in silence either: a pause comes next, which must not wait for this."""
        new_s = self._utterance.seconds - self._shown_s
        in_turn = self._listening.idle and time.monotonic() >= self._next_interim
        return new_s >= INTERIM_EVERY_S and in_turn and self._utterance.goes_on

    async def _interim(self) -> None:
        utterance, began = self._utterance, time.monotonic()
        self._shown_s = utterance.seconds
        self._remind(utterance, began)
        text = await utterance.text(Urgency.INTERIM, careful=False)
        now = time.monotonic()
        self._next_interim = now + (now - began) / INTERIM_SHARE
        current = utterance is self._utterance and not self._wanted
        if current and text and text != self._shown and not faults.is_deaf(self._request):
            self._shown = text
            await self._socket.send_json({"type": "partial", "text": text})

    async def _error(self, code: str, message: str) -> None:
        await self._socket.send_json({"type": "error", "code": code, "message": message})
