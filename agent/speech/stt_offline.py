"""Speech-to-text by the offline models server, over a WebSocket, while the caller speaks.

An utterance is closed after PAUSE seconds of silence already, so that its text is there when the
turn ends; if the caller goes on, the next utterance carries on in the same turn. A server that is
away is looked for until it is back; what was said meanwhile is lost, and told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import aiohttp
from livekit.agents import APIConnectOptions, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.speech.ears import Degraded, UtteranceStream
from agent.speech.utterances import Step
from agent.speech.vad import SharedVAD

logger = logging.getLogger("agent.speech")

PAUSE = 0.12  # seconds of silence that close an utterance
RETRY_AFTER = 0.5
CONNECT_TIMEOUT = 3.0
ENDED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)


class OfflineSTT(stt.STT[Any]):
    """`degraded(what, error, consequence)` is called when the server is away."""

    def __init__(self, models_url: str, vad: SharedVAD, degraded: Degraded) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False, manual_flush=True
            )
        )
        self.url = f"{models_url.rstrip('/').replace('http', 'ws', 1)}/audio/transcriptions/stream"
        self.degraded = degraded
        self._vad = vad

    @property
    def model(self) -> str:
        return "pocketsphinx"

    @property
    def provider(self) -> str:
        return "offline"

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return OfflineStream(self, conn_options, self._vad)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        raise NotImplementedError("this speech-to-text only streams")


class OfflineStream(UtteranceStream):
    def __init__(self, parent: OfflineSTT, conn_options: APIConnectOptions, vad: SharedVAD) -> None:
        self._parent = parent
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._awaited = 0  # finals that the server owes us
        super().__init__(
            parent=parent, conn_options=conn_options, vad=vad, language="en", pause=PAUSE
        )

    async def _run(self) -> None:
        connection = asyncio.create_task(self._stay_connected(), name="offline speech-to-text")
        try:
            await self.follow()
        finally:
            connection.cancel()
            await asyncio.gather(connection, return_exceptions=True)

    async def step(self, step: Step) -> None:
        if self._socket is None:
            return  # the server is away, which has been told
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # told by the reader
            if step.frame is not None:
                await self._socket.send_bytes(step.frame.data.tobytes())
            else:
                await self._socket.send_str(
                    '{"type": "start"}' if step.kind == "begin" else '{"type": "end"}'
                )
                self._awaited += step.kind == "end"

    async def flushed(self) -> None:
        if self._awaited == 0:
            self.emit("", final=True)

    async def _stay_connected(self) -> None:
        told = False
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                try:
                    async with http.ws_connect(self._parent.url, heartbeat=20) as self._socket:
                        if told:
                            logger.info("speech-to-text is back at %s", self._parent.url)
                        told = False
                        error = await self._read(self._socket)
                except (aiohttp.ClientError, TimeoutError, OSError) as failure:
                    error = str(failure) or type(failure).__name__
                finally:
                    self._socket = None
                if self._awaited:
                    self._awaited = 0
                    self.emit("", final=True)
                if not told:
                    told = True
                    self._parent.degraded(
                        "speech-to-text",
                        f"{self._parent.url}: {error}",
                        "the agent hears no words until the models server is back",
                    )
                await asyncio.sleep(RETRY_AFTER)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        """Hear what the server understood until the connection ends; why it did."""
        reason = "the connection was closed"
        while (message := await socket.receive()).type not in ENDED:
            if message.type is aiohttp.WSMsgType.ERROR:
                return f"the connection broke ({socket.exception()})"
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            kind, text = told.get("type"), told.get("text", "").strip()
            if kind == "final":
                self._awaited = max(0, self._awaited - 1)
                self.emit(text, final=True)
            elif kind == "partial" and text:
                self.emit(text, final=False)
            elif kind in ("error", "lagging", "replaced"):
                reason = str(told.get("message", reason))
                logger.warning("speech-to-text: %s", message.data)
        return reason
