"""What our two kinds of speech-to-text share: a stream that hears utterances instead of raw audio.

Both learn from the call's one voice activity detector where an utterance begins and ends, and both
end one early when LiveKit asks (`manual_flush`), so neither needs a detector of its own. Both tell
whether a text is still awaited, and drop what a caller only says to show that he listens.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, stt
from livekit.agents.vad import VADEvent, VADEventType

from agent.speech.overlap import SURE, Overlap, Sureness
from agent.speech.vad import SharedVAD

LEAD = 0.5  # seconds of audio kept from before the detector was sure
PAUSE = 0.12  # seconds of silence after which the text so far is asked for
OVERLAPS = (0.4, 0.55, 0.7, 0.95, 1.3, 1.7)  # seconds of speech over the agent's, likewise


@dataclass(frozen=True)
class UtteranceStep:
    """What to do next: begin an utterance, add `frame`, ask for its text so far, or end it."""

    kind: Literal["begin", "audio", "ask", "end"]
    frame: rtc.AudioFrame | None = None
    quick: bool = False  # the text is wanted soon rather than right


class Utterances:
    """Cuts the caller's audio into utterances, on the word of the voice activity detector.

    It is fed audio frames and detector events and says when an utterance begins (with the audio
    from just before, which the detector needed to be sure), what belongs to it, and when it ends.
    It asks for the text as soon as the voice pauses, before the detector calls the caller silent:
    the text is then ready when the turn ends. And it asks while the caller speaks over the agent
    (`overlaps`), who must know whether to stop.
    """

    def __init__(self, overlaps: Callable[[], bool] = lambda: False) -> None:
        self._overlaps = overlaps
        self._asked = False  # since the caller last spoke
        self._asked_over = 0  # times, while the caller spoke over the agent
        self.seconds = 0.0  # of speech, of the utterance
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
        self.seconds = event.speech_duration or self.seconds
        if event.type == VADEventType.START_OF_SPEECH:
            self._speaking = True
            yield from self._begin()
        elif event.type == VADEventType.END_OF_SPEECH:
            self._speaking = False
            yield from self.end()
        elif self._speaking:
            if not self.open and event.raw_accumulated_speech > 0:
                yield from self._begin()  # it was ended early, and goes on
            elif self.open:
                yield from self._ask(event)

    def _ask(self, event: VADEvent) -> Iterator[UtteranceStep]:
        if event.raw_accumulated_speech > 0:
            self._asked = False
            over = sum(event.speech_duration >= overlap for overlap in OVERLAPS)
            if over > self._asked_over and self._overlaps():
                self._asked_over = over
                yield UtteranceStep("ask", quick=True)
        elif event.raw_accumulated_silence >= PAUSE and not self._asked:
            self._asked = True
            yield UtteranceStep("ask")

    def end(self) -> Iterator[UtteranceStep]:
        """End the utterance that is open, if there is one."""
        if self.open:
            self.open = False
            yield UtteranceStep("end")

    def _begin(self) -> Iterator[UtteranceStep]:
        if self.open:
            return
        self.open, self._asked, self._asked_over = True, False, 0
        yield UtteranceStep("begin")
        for frame in self._lead:
            yield UtteranceStep("audio", frame)
        self._lead.clear()
        self._lead_duration = 0.0


SAMPLE_RATE = 16_000
SPEECH_TO_TEXT = "speech-to-text"  # as it is called when a call must do without it


class UtteranceSTT(stt.STT[Any]):
    """`stream` is the one of the call, once it has begun."""

    current: UtteranceStream | None = None


async def text_is_there(speech_to_text: stt.STT[Any] | None, within: float) -> None:
    """Wait until there is a text of all that was said, for so many seconds.

    Speech-to-text that is not ours does not tell.
    """
    if isinstance(speech_to_text, UtteranceSTT) and speech_to_text.current is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await speech_to_text.current.text_is_there()


class UtteranceStream(stt.RecognizeStream):
    """Subclasses say what happens at each step of an utterance."""

    def __init__(
        self,
        *,
        parent: UtteranceSTT,
        conn_options: APIConnectOptions,
        vad: SharedVAD,
        overlap: Overlap,
        language: str,
    ) -> None:
        self._vad = vad
        self._overlap = overlap
        self._language = LanguageCode(language)
        self._utterances = Utterances(lambda: overlap.agent_speaks)
        self._answered = asyncio.Event()
        parent.current = self
        self._heard: asyncio.Queue[rtc.AudioFrame | VADEvent | str | None] = asyncio.Queue()
        super().__init__(stt=parent, conn_options=conn_options, sample_rate=SAMPLE_RATE)

    @abstractmethod
    async def step(self, step: UtteranceStep) -> None:
        """Begin an utterance, hear a frame of it, ask for its text so far, or end it."""

    @property
    @abstractmethod
    def awaits_text(self) -> bool:
        """Whether words were said of which there is no text yet."""

    @abstractmethod
    async def flushed(self) -> None:
        """LiveKit wants a final transcript now; there is no utterance left to end."""

    async def text_is_there(self) -> None:
        while self.awaits_text:
            self._answered.clear()
            await self._answered.wait()

    async def follow(self) -> None:
        """Hear the caller until the call ends."""
        self._vad.listeners.append(self._heard.put_nowait)
        feeder = asyncio.create_task(self._feed())
        try:
            while (heard := await self._heard.get()) is not None:
                if isinstance(heard, VADEvent):
                    self._overlap.speech(heard)
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

    def emit(self, text: str, *, final: bool, sureness: Sureness = SURE) -> None:
        """Hand a text to LiveKit, unless it only says that the caller listens."""
        if final:
            seconds = self._utterances.seconds
            passes = self._overlap.passes(text, seconds, self._send, sureness)
            self._send(text if passes else "", final=True)
        elif not self._overlap.agent_speaks:
            self._send(text, final=False)
        else:
            self._overlap.hears(text, sureness)

    def _send(self, text: str, *, final: bool = True) -> None:
        if final:
            self._answered.set()
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
