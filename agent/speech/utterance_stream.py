"""What our two kinds of speech-to-text share: a stream that hears utterances instead of raw audio.

Both learn from the call's one voice activity detector where an utterance begins and ends, and both
end one early when LiveKit asks (`manual_flush`), so neither needs a detector of its own.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, stt
from livekit.agents.vad import VADEvent, VADEventType

from agent.speech.vad import SharedVAD

LEAD = 0.5  # seconds of audio kept from before the detector was sure


@dataclass(frozen=True)
class UtteranceStep:
    """What to do next: begin an utterance, add `frame` to it, or end it."""

    kind: Literal["begin", "audio", "end"]
    frame: rtc.AudioFrame | None = None


class Utterances:
    """Cuts the caller's audio into utterances, on the word of the voice activity detector.

    It is fed audio frames and detector events and says when an utterance begins (with the audio
    from just before, which the detector needed to be sure), what belongs to it, and when it ends.
    With `pause` (seconds) it ends an utterance after that much silence, before the detector calls
    the caller silent: the text is then ready when the turn ends.
    """

    def __init__(self, pause: float | None = None) -> None:
        self._pause = pause
        self._lead: deque[rtc.AudioFrame] = deque()
        self._lead_duration = 0.0
        self._speaking = False
        self.open = False

    def audio(self, frame: rtc.AudioFrame) -> Iterator[UtteranceStep]:
        if self.open:
            yield UtteranceStep("audio", frame)
            return
        self._lead.append(frame)
        self._lead_duration += frame.duration
        while self._lead_duration > LEAD:
            self._lead_duration -= self._lead.popleft().duration

    def detected(self, event: VADEvent) -> Iterator[UtteranceStep]:
        if event.type == VADEventType.START_OF_SPEECH:
            self._speaking = True
            yield from self._begin()
        elif event.type == VADEventType.END_OF_SPEECH:
            self._speaking = False
            yield from self.end()
        elif self._pause is not None and self._speaking:
            if self.open and event.raw_accumulated_silence >= self._pause:
                yield from self.end()
            elif not self.open and event.raw_accumulated_speech > 0:
                yield from self._begin()

    def end(self) -> Iterator[UtteranceStep]:
        """End the utterance that is open, if there is one."""
        if self.open:
            self.open = False
            yield UtteranceStep("end")

    def _begin(self) -> Iterator[UtteranceStep]:
        if self.open:
            return
        self.open = True
        yield UtteranceStep("begin")
        for frame in self._lead:
            yield UtteranceStep("audio", frame)
        self._lead.clear()
        self._lead_duration = 0.0


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
    async def step(self, step: UtteranceStep) -> None:
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
