"""Speech-to-text by the offline models server, over a WebSocket, while the caller speaks.

The text so far is asked for at each pause, so that it is there when the turn ends. A server that is
away, or that does not answer for too long, is tried until it is back, and gets once more the audio
that no text came of. What cannot be answered in time is lost, and the caller is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import time
from typing import Any, NoReturn

import aiohttp
from livekit.agents import APIConnectOptions, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.speech.answers import clean, quoted
from agent.speech.overlap import Overlap, Sureness
from agent.speech.pending_utterances import BYTES_A_SECOND, PendingUtterance, PendingUtterances
from agent.speech.reports import Reports
from agent.speech.utterance_stream import (
    SPEECH_TO_TEXT,
    UtteranceStep,
    UtteranceStream,
    UtteranceSTT,
)
from agent.speech.vad import SharedVAD
from common.failures import OddAnswer, failure

logger = logging.getLogger("agent.speech")

FIRST_RETRY_AFTER, RETRY_AFTER = 0.1, 0.5
CONNECT_TIMEOUT = 3.0
CLOSE_TIMEOUT = 0.5
ANSWER_TIMEOUT = 6.0  # seconds without any sign of a server whose text is awaited
SECOND_TIMEOUT = 5.0  # the same, at the second try
TRIES = 2  # of an utterance
AWAY = 3.0  # seconds without a server after which what was said is lost, and the caller told
STAYS = 1.0  # seconds after which a connection counts as made: a refusing server closes it at once
CHUNK = BYTES_A_SECOND  # of audio that is sent once more; a message may have twice as much
LOST = "what the caller just said was not understood"
ENDED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)

START, START_ALONE = '{"type": "start"}', '{"type": "start", "alone": true}'
ASK, ASK_QUICKLY = '{"type": "pause"}', '{"type": "pause", "quick": true}'


class OfflineStream(UtteranceStream):
    """One call's connection; `reports` hear what is requested, answered and lost."""

    def __init__(
        self,
        parent: UtteranceSTT,
        url: str,
        reports: Reports,
        conn_options: APIConnectOptions,
        vad: SharedVAD,
        overlap: Overlap,
        language: str,
    ) -> None:
        self.url = url
        self._reports = reports
        self._provider = parent.provider
        self._pending = PendingUtterances()
        self._more = asyncio.Event()  # there is something to send
        self._patience: asyncio.Timeout | None = None  # with the server
        self._trouble: Exception | None = None  # why the server is away
        self._away_since = 0.0
        self._told_away = False
        self._failures = 0  # since the server worked
        super().__init__(
            parent=parent, conn_options=conn_options, vad=vad, overlap=overlap, language=language
        )

    async def _run(self) -> None:
        connection = asyncio.create_task(self._stay_connected(), name="offline speech-to-text")
        try:
            await self.follow()
        finally:
            connection.cancel()
            await asyncio.gather(connection, return_exceptions=True)

    async def step(self, step: UtteranceStep) -> None:
        if step.kind == "begin":
            # Over the agent's voice people say "mm-hmm", which is no word in any place.
            self._pending.append(PendingUtterance(alone=self._overlap.agent_speaks))
        elif step.frame is not None:
            self._pending[-1].hear(step.frame.data.tobytes(), step.frame.duration)
        elif step.kind == "ask":
            self._pending[-1].ask = ASK_QUICKLY if step.quick else ASK
        else:
            self._pending[-1].ended_at = time.monotonic()
            seconds = round(self._pending[-1].seconds, 2)
            self._reports.emit("transcribe", "started", seconds=seconds)
            if self._told_away and self._trouble is not None and self._patience is None:
                self._lose(self._trouble, within=0.0)  # the caller knows already
        self._more.set()

    @property
    def awaits_text(self) -> bool:
        return bool(self._pending)

    async def flushed(self) -> None:
        if not self._pending:
            self.emit("", final=True)

    async def _stay_connected(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                try:
                    await self._hear(http)
                except (aiohttp.ClientError, OddAnswer, TimeoutError, OSError) as error:
                    wait = FIRST_RETRY_AFTER if self._trouble is None else RETRY_AFTER
                    self._away(error)
                    await asyncio.sleep(max(wait, failure(error).retry_after or 0.0))

    async def _hear(self, http: aiohttp.ClientSession) -> None:
        """Connect and hear; raises why that ended."""
        waits = aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT)
        async with http.ws_connect(self.url, heartbeat=20, timeout=waits) as socket:
            writer = asyncio.create_task(self._write(socket), name="speech to speech-to-text")
            try:
                async with asyncio.timeout(None) as self._patience:
                    await self._read(socket)
            except TimeoutError:
                raise TimeoutError(
                    f"it had an utterance to transcribe and said nothing for {self._timeout:g} s"
                ) from None
            finally:
                self._patience = None
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send what was said and no text has come of, in order, and go on as the caller speaks."""
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # told by the reader
            while True:
                self._more.clear()
                for utterance in list(self._pending):
                    await self._bring(socket, utterance)
                await self._more.wait()

    async def _bring(
        self, socket: aiohttp.ClientWebSocketResponse, utterance: PendingUtterance
    ) -> None:
        if utterance.requested_at is not None:
            return
        if not utterance.begun:
            utterance.begun = True
            await socket.send_str(START_ALONE if utterance.alone else START)
        while part := bytes(utterance.audio[utterance.given : utterance.given + CHUNK]):
            utterance.given += len(part)
            await socket.send_bytes(part)
        if utterance.ask and utterance.ended_at is None:
            ask, utterance.ask = utterance.ask, ""
            await socket.send_str(ask)
        if utterance.ended_at is not None:
            utterance.requested_at = time.monotonic()
            if self._pending and utterance is self._pending[0]:
                self._be_patient()
            await socket.send_str('{"type": "end"}')

    def _be_patient(self) -> None:
        """The server has a while for the text that is awaited, from its last sign."""
        if self._patience is not None and not self._patience.expired():
            now = asyncio.get_running_loop().time()
            self._patience.reschedule(now + self._timeout if self._pending.is_awaited else None)

    @property
    def _timeout(self) -> float:
        return SECOND_TIMEOUT if self._pending and self._pending[0].tries else ANSWER_TIMEOUT

    def _away(self, error: Exception) -> None:
        """There is no connection: what has no text yet is sent once more, while that is in time."""
        if self._trouble is None:
            self._away_since = time.monotonic()
        first, self._trouble = self._trouble is None, error
        self._pending.failed()
        late = time.monotonic() - self._away_since > AWAY
        if self._lose(error, within=AWAY if late else math.inf):
            return
        if first:
            self._failed(error, lost=False)
        if late and not self._told_away:
            self._tell(error, "the agent hears no words until the models server is back")

    def _lose(self, error: Exception, within: float) -> bool:
        """Give up the utterances that failed too often or ended so long ago; whether there are."""
        lost = list(self._pending.take_lost(TRIES, within))
        for _ in lost:
            self.emit("", final=True)  # LiveKit waits for it
        if lost:
            self._failed(error, lost=True)
            self._tell(error, LOST)
        return bool(lost)

    def _failed(self, error: Exception, *, lost: bool) -> None:
        self._failures += 1
        self._reports.failed("transcribe", error, self._provider, self._failures, not lost)

    def _tell(self, error: Exception, consequence: str) -> None:
        """Report words that are lost, or that will be."""
        self._told_away = True
        words = f"{self.url}: {str(error) or type(error).__name__}"
        self._reports.broken(SPEECH_TO_TEXT, words, consequence)

    def _works(self) -> None:
        if self._trouble is not None:
            self._reports.emit("transcribe", "connected", failures=self._failures)
            self._reports.works(SPEECH_TO_TEXT)
        self._trouble, self._told_away, self._failures = None, False, 0

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> NoReturn:
        """Hear what the server understood; raises why the connection ended."""
        reason = "the connection was closed"
        stays = asyncio.get_running_loop().call_later(STAYS, self._stays)
        try:
            while True:
                message = await socket.receive()
                if message.type in ENDED:
                    raise aiohttp.ServerDisconnectedError(reason)
                if message.type is aiohttp.WSMsgType.ERROR:
                    raise aiohttp.ServerDisconnectedError(f"it broke ({socket.exception()})")
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                reply = self._understood(message.data)
                if reply.get("type") in ("error", "lagging"):
                    reason = str(reply.get("message", reason))
                    logger.warning("speech-to-text: %s", message.data)
                else:
                    self._heard_words(reply)
                self._be_patient()
        finally:
            stays.cancel()

    def _understood(self, message: str) -> dict[str, Any]:
        """A message as the server's protocol has it. Raises ClientPayloadError for any other."""
        try:
            reply = json.loads(message)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise aiohttp.ClientPayloadError(
                f"it said {quoted(message.encode())}; expected a JSON object with a type"
            )
        if "text" in reply and not isinstance(reply["text"], str):
            raise aiohttp.ClientPayloadError(
                f"it said {quoted(message.encode())}; expected words as its text"
            )
        if text := reply.get("text"):
            reply["text"] = clean(self.url, text)
        return reply

    def _stays(self) -> None:
        """The connection was not refused; whether its server understands words is another thing."""
        if not any(utterance.tries for utterance in self._pending):
            self._works()

    def _heard_words(self, reply: dict[str, Any]) -> None:
        text = str(reply.get("text", "")).strip()
        pending = self._pending[0] if self._pending else None
        if reply.get("type") == "partial" and text:
            if pending is not None:
                pending.guessed = text
            self.emit(text, final=False, sureness=_sureness(reply))
        if reply.get("type") != "final":
            return
        ms = None
        if pending is not None and reply.get("cut"):  # for its length, which nobody requested
            pending.cut()
        elif pending is not None and pending.requested_at is not None:
            if pending.lacks_words(text):
                raise aiohttp.ClientPayloadError(
                    f"it has no text for an utterance in which it recognised {pending.guessed!r}"
                )
            self._pending.popleft()
            ms = round((time.monotonic() - pending.requested_at) * 1000, 1)
        self._works()
        self._reports.emit("transcribe", "done", ms=ms, text=text, final=True)
        self.emit(text, final=True, sureness=_sureness(reply))


def _sureness(reply: dict[str, Any]) -> Sureness:
    """As the server tells it, if it does."""
    numbers = [reply.get("log_probability"), reply.get("no_speech")]
    return Sureness(*(n if isinstance(n, int | float) else 0.0 for n in numbers))


class OfflineSTT(UtteranceSTT):
    def __init__(
        self,
        models_url: str,
        vad: SharedVAD,
        overlap: Overlap,
        reports: Reports,
        language: str = "en",
    ) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False, manual_flush=True
            )
        )
        self._url = f"{models_url.rstrip('/').replace('http', 'ws', 1)}/audio/transcriptions/stream"
        self._reports = reports
        self._vad = vad
        self._language = language
        self._overlap = overlap

    @property
    def model(self) -> str:
        return "whisper"

    @property
    def provider(self) -> str:
        return "offline"

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return OfflineStream(
            self, self._url, self._reports, conn_options, self._vad, self._overlap, self._language
        )

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        raise NotImplementedError("this speech-to-text only streams")
