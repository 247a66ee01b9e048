"""`GET /v1/audio/transcriptions/stream`: words while the caller still speaks.

README.md has the messages. Decoding keeps up with the audio, so that the final text is there some
tens of milliseconds after `end`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from dev.models import faults
from dev.models.decoders import Decoders, NoDecoderFree
from dev.models.session import DecoderDied, Session

BYTES_A_SECOND = 32_000
MAX_MESSAGE_BYTES = 65_536
LONGEST_UTTERANCE_S = 60
LAGGING_S = 0.5
LAGGING_TOLD_EVERY_S = 1.0
MOST_DEATHS = 3
HEARTBEAT_S = 20
# A client that does not read gets no more partials than these.
MOST_UNREAD = 100


def routes(decoders: Decoders) -> list[web.RouteDef]:
    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=HEARTBEAT_S)
        await socket.prepare(request)
        await Stream(socket, decoders, request).run()
        return socket

    return [web.get("/v1/audio/transcriptions/stream", stream)]


class _Refused(Exception):
    """The session cannot go on: a code of README.md, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Stream:
    """One socket: one voice, its utterances one after another."""

    def __init__(
        self, socket: web.WebSocketResponse, decoders: Decoders, request: web.Request
    ) -> None:
        self._socket, self._decoders, self._request = socket, decoders, request
        self._session: Session | None = None
        self._out: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._utterance = bytearray()
        self._shown = ""
        self._told_lagging = 0.0
        self._deaths = 0

    async def run(self) -> None:
        writer = asyncio.create_task(self._write())
        code = WSCloseCode.OK
        try:
            self._session = await self._take()
            self._out.put_nowait({"type": "ready", "sample_rate": BYTES_A_SECOND // 2})
            async for message in self._socket:
                if message.type is WSMsgType.BINARY:
                    await self._audio(message.data)
                elif message.type is WSMsgType.TEXT and not await self._control(message.data):
                    break
        except _Refused as refused:
            self._error(refused.code, str(refused))
            code = WSCloseCode.TRY_AGAIN_LATER
        finally:
            self._out.put_nowait(None)
            with contextlib.suppress(ConnectionError):
                await writer
            if self._session is not None:
                await self._decoders.give_back(self._session)
            await self._socket.close(code=code)

    async def _take(self) -> Session:
        try:
            session = await self._decoders.take()
        except NoDecoderFree as error:
            raise _Refused("no_decoder_free", str(error)) from None
        session.on_partial = self._partial
        return session

    async def _audio(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            self._error("bad_message", f"{len(pcm)} bytes of audio: samples have two bytes each")
            return
        self._utterance += pcm
        await self._decoding(pcm)
        if len(self._utterance) >= LONGEST_UTTERANCE_S * BYTES_A_SECOND:
            await self._end(cut=True)

    async def _control(self, text: str) -> bool:
        """Do what a control message says; False when it ends the session."""
        try:
            kind = json.loads(text)["type"]
        except (ValueError, KeyError, TypeError):
            kind = None
        if kind == "start":
            self._begin()
        elif kind == "end":
            await self._end()
        elif kind == "close":
            return False
        else:
            self._error("bad_message", f"{text[:80]!r}: send start, end, close, or audio")
        return True

    def _begin(self) -> None:
        self._utterance.clear()
        self._shown = ""
        with contextlib.suppress(DecoderDied):  # noticed again, and mended, with the first audio
            self._live().start()

    async def _end(self, *, cut: bool = False) -> None:
        started = time.monotonic()
        audio_s = round(len(self._utterance) / BYTES_A_SECOND, 3)
        text = await faults.at_final(self._request, await self._final())
        final = {"type": "final", "text": text, "audio_s": audio_s}
        final["decode_ms"] = round((time.monotonic() - started) * 1000)
        self._out.put_nowait({**final, "cut": True} if cut else final)
        self._utterance.clear()
        self._shown = ""

    async def _final(self) -> str:
        while True:
            try:
                return await self._live().end()
            except DecoderDied:
                await self._replace()

    async def _decoding(self, pcm: bytes) -> None:
        """Give audio to the decoder; a new decoder hears the whole utterance again."""
        try:
            self._live().audio(pcm)
        except DecoderDied:
            await self._replace()
        behind_s = self._live().behind_bytes / BYTES_A_SECOND
        now = time.monotonic()
        if behind_s > LAGGING_S and now - self._told_lagging > LAGGING_TOLD_EVERY_S:
            self._told_lagging = now
            self._out.put_nowait({"type": "lagging", "behind_s": round(behind_s, 2)})

    def _live(self) -> Session:
        assert self._session is not None  # set by `run`, until it returns
        return self._session

    async def _replace(self) -> None:
        self._deaths += 1
        await self._decoders.give_back(self._live())
        if self._deaths > MOST_DEATHS:
            raise _Refused(
                "decoder_failed", f"the decoder died {self._deaths} times in this call; see the log"
            )
        self._session = await self._take()
        self._out.put_nowait(
            {"type": "replaced", "message": "the decoder died; a new one hears the utterance again"}
        )
        await self._decoding(bytes(self._utterance))

    def _partial(self, text: str) -> None:
        if faults.is_deaf(self._request):
            return
        if text != self._shown and self._out.qsize() < MOST_UNREAD:
            self._shown = text
            self._out.put_nowait({"type": "partial", "text": text})

    def _error(self, code: str, message: str) -> None:
        self._out.put_nowait({"type": "error", "code": code, "message": message})

    async def _write(self) -> None:
        while (message := await self._out.get()) is not None:
            await self._socket.send_json(message)
