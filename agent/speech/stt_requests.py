"""Speech-to-text by requests: each utterance is sent as a whole to a server that takes recordings.

Any non-streaming STT of LiveKit can be wrapped, such as `Recordings`. LiveKit's own adapter for
this runs a second voice activity detector; this one shares the call's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import httpx2
import openai
from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.http_clients import SPEECH_SILENCE, provider_errors
from agent.speech import answers
from agent.speech.answers import MOST_OF_A_TEXT, Answer
from agent.speech.overlap import Overlap
from agent.speech.reports import Attempts, Reports
from agent.speech.utterance_stream import (
    SPEECH_TO_TEXT,
    UtteranceStep,
    UtteranceStream,
    UtteranceSTT,
)
from agent.speech.vad import SharedVAD
from common.failures import Busy, words

logger = logging.getLogger("agent.speech")

LOST = "what the caller just said was not understood"
LONGEST_UTTERANCE = 60.0  # seconds; what comes after is a new recording
TEXT_TIMEOUT = 30.0  # seconds for a whole answer


class Recordings(stt.STT[Any]):
    """Asks a server of OpenAI's protocol.

    LiveKit's plugin takes whatever comes for a text, and reads it to its end, however long that is.
    """

    def __init__(self, client: openai.AsyncClient, model: str, language: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._client = client
        self._model = model
        self._language = language

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return self._client.base_url.netloc.decode()

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        endpoint = f"POST {self._client.base_url}audio/transcriptions"
        recording = rtc.combine_audio_frames(buffer).to_wav_bytes()
        request = self._client.audio.transcriptions.with_streaming_response.create(
            file=("speech.wav", recording, "audio/wav"),
            model=self._model,
            language=self._language or openai.omit,
            response_format="json",
            timeout=httpx2.Timeout(TEXT_TIMEOUT, connect=conn_options.timeout),
        )
        with provider_errors(endpoint):
            async with asyncio.timeout(TEXT_TIMEOUT), request as response:
                async with asyncio.timeout(SPEECH_SILENCE):
                    body = await answers.read(response.iter_bytes(), MOST_OF_A_TEXT)
            content_type = response.headers.get("content-type", "")
            text = answers.transcript(Answer(endpoint, response.status_code, content_type), body)
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(language=LanguageCode(self._language), text=text)],
        )


class RequestSTT(UtteranceSTT):
    def __init__(
        self,
        inner: stt.STT[Any],
        vad: SharedVAD,
        overlap: Overlap,
        language: str,
        reports: Reports,
        most_waiting: int,
    ) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=False, manual_flush=True
            )
        )
        self.inner = inner
        self.reports = reports
        self.most_waiting = most_waiting  # recordings; who spoke them does not wait for more
        self.attempts = Attempts(reports, "transcribe", inner.provider)
        self._vad = vad
        self._overlap = overlap
        self._language = language
        inner.on("metrics_collected", lambda *args: self.emit("metrics_collected", *args))
        inner.on("error", self.attempts.failed)

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def provider(self) -> str:
        return self.inner.provider

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return RequestStream(self, conn_options, self._vad, self._overlap, self._language)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        return await self.inner.recognize(buffer, language=language, conn_options=conn_options)

    async def aclose(self) -> None:
        await self.inner.aclose()


class RequestStream(UtteranceStream):
    def __init__(
        self,
        parent: RequestSTT,
        conn_options: APIConnectOptions,
        vad: SharedVAD,
        overlap: Overlap,
        language: str,
    ) -> None:
        self._parent = parent
        self._options = conn_options
        self._recording: list[rtc.AudioFrame] = []
        self._requests: asyncio.Queue[list[rtc.AudioFrame]] = asyncio.Queue()
        self._unanswered = 0
        super().__init__(
            parent=parent, conn_options=conn_options, vad=vad, overlap=overlap, language=language
        )

    async def _run(self) -> None:
        requester = asyncio.create_task(self._request(), name="speech-to-text requests")
        try:
            await self.follow()
        finally:
            requester.cancel()
            await asyncio.gather(requester, return_exceptions=True)

    async def step(self, step: UtteranceStep) -> None:
        if step.kind == "begin":
            self._recording = []
        elif step.frame is not None:
            self._recording.append(step.frame)
        if self._recording and (
            step.kind == "end"
            or sum(frame.duration for frame in self._recording) > LONGEST_UTTERANCE
        ):
            if self._requests.qsize() < self._parent.most_waiting:
                self._unanswered += 1
                self._requests.put_nowait(self._recording)
            else:
                self._refuse()
            self._recording = []

    def _refuse(self) -> None:
        """Report an utterance as lost: there are too many to be answered in time."""
        busy = Busy(
            f"{self._requests.qsize()} recordings wait for {self._parent.provider} already "
            "(PROVIDER_CONCURRENCY)"
        )
        self._parent.reports.failed("transcribe", busy, self._parent.provider, 1, False)
        self._parent.reports.broken(SPEECH_TO_TEXT, str(busy), LOST)

    @property
    def awaits_text(self) -> bool:
        return self._utterances.open or self._unanswered > 0

    async def flushed(self) -> None:
        if self._unanswered == 0:
            self.emit("", final=True)

    async def _request(self) -> None:
        """One recording after another, so that texts come in the order they were said."""
        while True:
            recording = await self._requests.get()
            text = await self._recognized(recording)
            self._unanswered -= 1
            self.emit(text, final=True)

    async def _recognized(self, recording: list[rtc.AudioFrame]) -> str:
        parent, began = self._parent, time.perf_counter()
        seconds = round(sum(frame.duration for frame in recording), 2)
        parent.reports.emit("transcribe", "started", seconds=seconds)
        parent.attempts.begin()
        try:
            event = await parent.inner.recognize(recording, conn_options=self._options)
            text = event.alternatives[0].text.strip() if event.alternatives else ""
        except Exception as error:  # whatever it is, the next utterance may be understood
            logger.warning("no text came of an utterance", exc_info=error)
            parent.reports.broken(SPEECH_TO_TEXT, f"{parent.provider}: {words(error)}", LOST)
            return ""
        ms = round((time.perf_counter() - began) * 1000, 1)
        parent.reports.emit("transcribe", "done", ms=ms, text=text, final=True)
        parent.reports.works(SPEECH_TO_TEXT)
        return text
