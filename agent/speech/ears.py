"""What our two kinds of speech-to-text share: a stream that hears utterances instead of raw audio.

Both learn from the call's one voice activity detector where an utterance begins and ends, and both
end one early when LiveKit asks (`manual_flush`), so neither needs a detector of its own.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, stt
from livekit.agents.vad import VADEvent

from agent.speech.utterances import Step, Utterances
from agent.speech.vad import SharedVAD

SAMPLE_RATE = 16_000
SPEECH_TO_TEXT = "speech-to-text"  # as it is called when a call must do without it


class UtteranceStream(stt.RecognizeStream):
    """Subclasses say what happens at each step of an utterance."""

    def __init__(
        self,
        *,
        parent: stt.STT[Any],
        conn_options: APIConnectOptions,
        vad: SharedVAD,
        language: str,
        pause: float | None = None,
    ) -> None:
        self._vad = vad
        self._language = LanguageCode(language)
        self._utterances = Utterances(pause)
        self._heard: asyncio.Queue[rtc.AudioFrame | VADEvent | str | None] = asyncio.Queue()
        super().__init__(stt=parent, conn_options=conn_options, sample_rate=SAMPLE_RATE)

    @abstractmethod
    async def step(self, step: Step) -> None:
        """Begin an utterance, hear a frame of it, or end it."""

    @abstractmethod
    async def flushed(self) -> None:
        """LiveKit wants a final transcript now; there is no utterance left to end."""

    async def follow(self) -> None:
        """Hear the caller until the call ends."""
        self._vad.listeners.append(self._heard.put_nowait)
        feeder = asyncio.create_task(self._feed())
        try:
            while (heard := await self._heard.get()) is not None:
                if isinstance(heard, VADEvent):
                    steps = self._utterances.detected(heard)
                elif isinstance(heard, rtc.AudioFrame):
                    steps = self._utterances.audio(heard)
                elif self._utterances.open:
                    steps = self._utterances.end()
                else:
                    await self.flushed()
                    continue
                for step in steps:
                    await self.step(step)
        finally:
            self._vad.listeners.remove(self._heard.put_nowait)
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)

    def emit(self, text: str, *, final: bool) -> None:
        kind = stt.SpeechEventType
        self._event_ch.send_nowait(
            stt.SpeechEvent(
                type=kind.FINAL_TRANSCRIPT if final else kind.INTERIM_TRANSCRIPT,
                alternatives=[stt.SpeechData(language=self._language, text=text, confidence=1.0)],
            )
        )

    async def _feed(self) -> None:
        async for item in self._input_ch:
            self._heard.put_nowait(item if isinstance(item, rtc.AudioFrame) else "flush")
        self._heard.put_nowait(None)
