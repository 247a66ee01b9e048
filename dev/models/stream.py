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

from aiohttp import WSMsgType, web

from dev.models import faults
from dev.models.decoders import DecoderDied, Decoders, NoDecoderFree, Session

BYTES_A_SECOND = 32_000
MAX_MESSAGE_BYTES = 65_536
LONGEST_UTTERANCE_S = 60
LAGGING_S = 0.5
MOST_DEATHS = 3
TRY_AGAIN_LATER = 1013


def routes(decoders: Decoders) -> list[web.RouteDef]:
    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=20)
        await socket.prepare(request)
        await Stream(socket, decoders, faults.of(request)).run()
        return socket

    return [web.get("/v1/audio/transcriptions/stream", stream)]


class Stream:
    """One socket: one voice, its utterances one after another."""

    def __init__(
        self, socket: web.WebSocketResponse, decoders: Decoders, fault: faults.Fault | None
    ) -> None:
        self._socket, self._decoders, self._fault = socket, decoders, fault
        self._session: Session | None = None
        self._out: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._utterance = bytearray()
        self._shown = ""
        self._told_lagging = 0.0
        self._deaths = 0

    async def run(self) -> None:
        try:
            self._session = await self._take()
        except NoDecoderFree as error:
            await self._refuse("no_decoder_free", str(error))
            return
        writer = asyncio.create_task(self._write())
        self._out.put_nowait({"type": "ready", "sample_rate": BYTES_A_SECOND // 2})
        try:
            async for message in self._socket:
                if message.type is WSMsgType.BINARY:
                    await self._audio(message.data)
                elif message.type is WSMsgType.TEXT and not await self._control(message.data):
                    break
        finally:
            self._out.put_nowait(None)
            with contextlib.suppress(ConnectionError):
                await writer
            await self._decoders.give_back(self._session)
            await self._socket.close()

    async def _take(self) -> Session:
        session = await self._decoders.take()
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
            await self._decoding(b"")
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
        if self._session is not None and self._session.alive:
            self._session.start()

    async def _end(self, *, cut: bool = False) -> None:
        started = time.monotonic()
        audio_s = round(len(self._utterance) / BYTES_A_SECOND, 3)
        text = await self._final()
        final = {"type": "final", "text": text, "audio_s": audio_s}
        final["decode_ms"] = round((time.monotonic() - started) * 1000)
        self._out.put_nowait({**final, "cut": True} if cut else final)
        self._utterance.clear()
        self._shown = ""

    async def _final(self) -> str:
        while True:
            assert self._session is not None
            try:
                text = await self._session.end()
                break
            except DecoderDied:
                await self._replace()
        if self._fault is not None and self._fault.stall_after_bytes is not None:
            await asyncio.sleep(faults.LONGEST_STALL_S)
        return "" if self._fault is not None and self._fault.empty else text

    async def _decoding(self, pcm: bytes) -> None:
        """Give audio to the decoder; a new decoder hears the whole utterance again."""
        assert self._session is not None
        try:
            self._session.audio(pcm)
        except DecoderDied:
            await self._replace()
        behind_s = self._session.behind_bytes / BYTES_A_SECOND
        now = time.monotonic()
        if behind_s > LAGGING_S and now - self._told_lagging > 1:
            self._told_lagging = now
            self._out.put_nowait({"type": "lagging", "behind_s": round(behind_s, 2)})

    async def _replace(self) -> None:
        assert self._session is not None
        self._deaths += 1
        await self._decoders.give_back(self._session)
        if self._deaths > MOST_DEATHS:
            await self._refuse(
                "decoder_failed", f"the decoder died {self._deaths} times in this call"
            )
            raise ConnectionResetError("decoder died again and again")
        self._session = await self._take()
        self._session.audio(bytes(self._utterance))
        self._out.put_nowait(
            {"type": "replaced", "message": "the decoder died; a new one hears the utterance again"}
        )

    def _partial(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self._out.put_nowait({"type": "partial", "text": text})

    def _error(self, code: str, message: str) -> None:
        self._out.put_nowait({"type": "error", "code": code, "message": message})

    async def _refuse(self, code: str, message: str) -> None:
        await self._socket.send_json({"type": "error", "code": code, "message": message})
        await self._socket.close(code=TRY_AGAIN_LATER, message=code.encode())

    async def _write(self) -> None:
        while (message := await self._out.get()) is not None:
            await self._socket.send_json(message)
