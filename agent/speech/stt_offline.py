"""Speech-to-text by the offline models server, over a WebSocket, while the caller speaks."""

from __future__ import annotations

from typing import Any

from livekit.agents import APIConnectOptions, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.speech.offline_stream import OfflineStream
from agent.speech.reports import Reports
from agent.speech.vad import SharedVAD


class OfflineSTT(stt.STT[Any]):
    def __init__(self, models_url: str, vad: SharedVAD, reports: Reports) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False, manual_flush=True
            )
        )
        self._url = f"{models_url.rstrip('/').replace('http', 'ws', 1)}/audio/transcriptions/stream"
        self._reports = reports
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
        return OfflineStream(self, self._url, self._reports, conn_options, self._vad)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        raise NotImplementedError("this speech-to-text only streams")
