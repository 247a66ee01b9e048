"""Speech-to-text by the offline models server, over a WebSocket, while the caller speaks.

An utterance is closed after PAUSE seconds of silence already, so that its text is there when the
turn ends; if the caller goes on, the next utterance carries on in the same turn. A server that is
away, or that owes an answer for too long, is looked for until it is back; what was said meanwhile
is lost, and told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from typing import Any, NoReturn

import aiohttp
from livekit.agents import APIConnectOptions, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.failures import failure
from agent.speech.ears import SPEECH_TO_TEXT, UtteranceStream
from agent.speech.reports import Reports
from agent.speech.utterances import Step
from agent.speech.vad import SharedVAD

logger = logging.getLogger("agent.speech")

PAUSE = 0.12  # seconds of silence that close an utterance
RETRY_AFTER = 0.5
CONNECT_TIMEOUT = 3.0
CLOSE_TIMEOUT = 0.5
ANSWER_TIMEOUT = 8.0  # seconds without any sign of a server that owes the text of an utterance
STAYS = 1.0  # seconds after which a connection counts as made: a refusing server closes it at once
ENDED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)


class OfflineSTT(stt.STT[Any]):
    """`reports` are told what is asked for, answered, and lost."""

    def __init__(self, models_url: str, vad: SharedVAD, reports: Reports) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False, manual_flush=True
            )
        )
        self.url = f"{models_url.rstrip('/').replace('http', 'ws', 1)}/audio/transcriptions/stream"
        self.reports = reports
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
        self._asked: deque[float] = deque()  # when the texts were asked for that the server owes us
        self._seconds = 0.0  # of the utterance that is open
        self._patience: asyncio.Timeout | None = None  # with the server
        self._trouble: Exception | None = None  # why the server is away
        self._failures = 0  # since the server worked
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
        if step.kind == "begin":
            self._seconds = 0.0
        elif step.frame is not None:
            self._seconds += step.frame.duration
        else:
            seconds = round(self._seconds, 2)
            self._parent.reports.tell("transcribe", "started", seconds=seconds)
        if self._socket is None:
            if step.kind == "end" and self._trouble is not None:
                self._tell(self._trouble, "what the caller just said was not understood", lost=True)
            return
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # told by the reader
            if step.frame is not None:
                await self._socket.send_bytes(step.frame.data.tobytes())
            elif step.kind == "begin":
                await self._socket.send_str('{"type": "start"}')
            else:
                self._asked.append(time.monotonic())
                if len(self._asked) == 1:
                    self._be_patient()
                await self._socket.send_str('{"type": "end"}')

    async def flushed(self) -> None:
        if not self._asked:
            self.emit("", final=True)

    async def _stay_connected(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                wait = RETRY_AFTER
                try:
                    await self._hear(http)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    wait = max(wait, failure(error).retry_after or 0.0)
                    self._away(error)
                finally:
                    self._socket = None
                await asyncio.sleep(wait)

    async def _hear(self, http: aiohttp.ClientSession) -> None:
        """Connect and hear; raises why that ended."""
        waits = aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT)
        async with http.ws_connect(self._parent.url, heartbeat=20, timeout=waits) as self._socket:
            try:
                async with asyncio.timeout(None) as self._patience:
                    await self._read(self._socket)
            except TimeoutError:
                raise TimeoutError(
                    f"it owes a text and said nothing for {ANSWER_TIMEOUT:g} s"
                ) from None
            finally:
                self._patience = None

    def _be_patient(self) -> None:
        """The server has a while for the text that it owes, from its last sign of life."""
        if self._patience is not None and not self._patience.expired():
            now = asyncio.get_running_loop().time()
            self._patience.reschedule(now + ANSWER_TIMEOUT if self._asked else None)

    def _away(self, error: Exception) -> None:
        first, self._trouble = self._trouble is None, error
        lost = bool(self._asked)
        if lost:
            self._asked.clear()
            self.emit("", final=True)  # LiveKit waits for it
        if lost or first:
            consequence = "the agent hears no words until the models server is back"
            self._tell(error, consequence, lost)

    def _tell(self, error: Exception, consequence: str, lost: bool) -> None:
        """Tell of words that are lost, or that will be."""
        self._failures += 1
        words = f"{self._parent.url}: {str(error) or type(error).__name__}"
        reports = self._parent.reports
        reports.failed("transcribe", error, self._parent.provider, self._failures, not lost)
        reports.broken(SPEECH_TO_TEXT, words, consequence)

    def _works(self) -> None:
        if self._trouble is not None:
            self._parent.reports.tell("transcribe", "connected", failures=self._failures)
            self._parent.reports.works(SPEECH_TO_TEXT)
        self._trouble, self._failures = None, 0

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> NoReturn:
        """Hear what the server understood; raises why the connection ended."""
        reason = "the connection was closed"
        stays = asyncio.get_running_loop().call_later(STAYS, self._works)
        try:
            while True:
                message = await socket.receive()
                if message.type in ENDED:
                    raise aiohttp.ServerDisconnectedError(reason)
                if message.type is aiohttp.WSMsgType.ERROR:
                    raise aiohttp.ServerDisconnectedError(f"it broke ({socket.exception()})")
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                told = json.loads(message.data)
                if told.get("type") in ("error", "lagging", "replaced"):
                    reason = str(told.get("message", reason))
                    logger.warning("speech-to-text: %s", message.data)
                else:
                    self._heard_words(told)
                self._be_patient()
        finally:
            stays.cancel()

    def _heard_words(self, told: dict[str, Any]) -> None:
        text = str(told.get("text", "")).strip()
        if told.get("type") == "partial" and text:
            self.emit(text, final=False)
        if told.get("type") != "final":
            return
        self._works()
        # One that was cut for its length was not asked for.
        asked = self._asked.popleft() if self._asked and not told.get("cut") else None
        ms = None if asked is None else round((time.monotonic() - asked) * 1000, 1)
        self._parent.reports.tell("transcribe", "done", ms=ms, text=text, final=True)
        self.emit(text, final=True)
