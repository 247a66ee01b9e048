"""Cuts the caller's audio into utterances, on the word of the call's one voice activity detector.

`Utterances` is fed audio frames and detector events and says when an utterance begins (with the
audio from just before, which the detector needed to be sure), what belongs to it, and when it ends.
With `pause` it ends an utterance after that much silence, before the detector calls the caller
silent: the text is then ready when the turn ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from livekit import rtc
from livekit.agents.vad import VADEvent, VADEventType

LEAD = 0.5  # seconds of audio kept from before the detector was sure


@dataclass(frozen=True)
class Step:
    """What to do next: begin an utterance, add `frame` to it, or end it."""

    kind: Literal["begin", "audio", "end"]
    frame: rtc.AudioFrame | None = None


class Utterances:
    def __init__(self, pause: float | None = None) -> None:
        self._pause = pause
        self._lead: deque[rtc.AudioFrame] = deque()
        self._lead_duration = 0.0
        self._speaking = False
        self.open = False

    def audio(self, frame: rtc.AudioFrame) -> Iterator[Step]:
        if self.open:
            yield Step("audio", frame)
            return
        self._lead.append(frame)
        self._lead_duration += frame.duration
        while self._lead_duration > LEAD:
            self._lead_duration -= self._lead.popleft().duration

    def detected(self, event: VADEvent) -> Iterator[Step]:
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

    def end(self) -> Iterator[Step]:
        """End the utterance that is open, if there is one."""
        if self.open:
            self.open = False
            yield Step("end")

    def _begin(self) -> Iterator[Step]:
        if self.open:
            return
        self.open = True
        yield Step("begin")
        for frame in self._lead:
            yield Step("audio", frame)
        self._lead.clear()
        self._lead_duration = 0.0
