"""What a caller hears: when sound begins and stops, a recording of it, and its transcripts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from livekit import rtc

from dev.caller.sound import RATE, Samples, audible_span

PAUSE_S = 0.2  # a silence shorter than this belongs to the sentence around it
GAP_S = 0.06  # frames that arrive later than this leave a hole in the recording
MAX_RECORDED_S = 3600.0  # 115 MB


@dataclass
class Sounding:
    """A stretch of sound, from its first to its last audible sample (time.monotonic() seconds)."""

    began_at: float
    ended_at: float


class ReplyListener:
    """Finds the stretches of sound in frames of the agent's track, fed as they arrive."""

    def __init__(self) -> None:
        self.soundings: list[Sounding] = []
        self.recording: list[tuple[float, Samples]] | None = None  # (begin, samples), once set
        self.heard_until: float | None = None  # when the last frame came
        self._next_at: float | None = None
        self._recorded_s = 0.0

    def hear(self, samples: Samples, arrived_at: float) -> bool:
        """Take a frame whose last sample is due at `arrived_at`; True if it can be heard."""
        begin = arrived_at - len(samples) / RATE
        self.heard_until = arrived_at
        self._record(samples, begin)
        span = audible_span(samples)
        if span is None:
            return False
        first, last = begin + span[0] / RATE, begin + (span[1] + 1) / RATE
        if self.soundings and first - self.soundings[-1].ended_at <= PAUSE_S:
            self.soundings[-1].ended_at = last
        else:
            self.soundings.append(Sounding(first, last))
        return True

    def sounding_after(self, moment: float) -> Sounding | None:
        """The first stretch of sound that goes on after `moment`."""
        return next((each for each in self.soundings if each.ended_at > moment), None)

    def begun_after(self, moment: float) -> Sounding | None:
        """The first stretch of sound that begins after `moment`."""
        return next((each for each in self.soundings if each.began_at > moment), None)

    def quiet_for(self, now: float) -> float:
        """Seconds since the last audible sample; infinite if there never was one."""
        return now - self.soundings[-1].ended_at if self.soundings else float("inf")

    def recorded(self, began_at: float) -> Samples:
        """All that was heard as one piece that starts at `began_at`; holes are silence."""
        pieces = self.recording or []
        if not pieces:
            return np.zeros(0, np.int16)
        end = max(begin + len(samples) / RATE for begin, samples in pieces)
        whole = np.zeros(max(0, round((end - began_at) * RATE)) + RATE, np.int16)
        for begin, samples in pieces:
            at = round((begin - began_at) * RATE)
            if at >= 0:
                whole[at : at + len(samples)] = samples
        return whole[: max(0, round((end - began_at) * RATE))]

    def _record(self, samples: Samples, begin: float) -> None:
        if self.recording is None or self._recorded_s > MAX_RECORDED_S:
            return
        # Frames arrive with jitter; in the recording they follow one another without a seam.
        if self._next_at is not None and abs(begin - self._next_at) < GAP_S:
            begin = self._next_at
        self._next_at = begin + len(samples) / RATE
        self._recorded_s += len(samples) / RATE
        self.recording.append((begin, samples))


def levels(samples: Samples, step_s: float = 0.02) -> list[tuple[float, float]]:
    """Loudness of each step as (second, dB of full scale), -96 for silence."""
    step = round(step_s * RATE)
    whole = samples[: len(samples) // step * step].astype(np.float64).reshape(-1, step)
    power = np.sqrt((whole**2).mean(axis=1)) / 32768
    decibel = 20 * np.log10(np.maximum(power, 10 ** (-96 / 20)))
    return [(number * step_s, round(float(each), 1)) for number, each in enumerate(decibel)]


TOPIC = "lk.transcription"
SEGMENT = "lk.segment_id"
FINAL = "lk.transcription_final"

logger = logging.getLogger(__name__)


class Changes:
    """`notify()` whenever something that somebody may wait for has changed."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Event] = set()

    def notify(self) -> None:
        for each in self._waiters:
            each.set()

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """True as soon as the condition holds, False when `timeout` seconds have passed."""
        if condition():
            return True
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    changed.clear()
                    await changed.wait()
            return True
        except TimeoutError:
            return condition()
        finally:
            self._waiters.discard(changed)


@dataclass
class Segment:
    """A stretch of speech as text. `at` is when its first text arrived (time.monotonic())."""

    speaker: str  # identity of the participant
    at: float
    text: str = ""
    final: bool = False


class Transcripts:
    """Collects segments; a later stream of the same segment replaces the earlier text."""

    def __init__(self, changes: Changes) -> None:
        self.segments: dict[str, Segment] = {}
        self._changes = changes
        self._reading: set[asyncio.Task[None]] = set()

    def attach(self, room: rtc.Room) -> None:
        room.register_text_stream_handler(TOPIC, self._opened)

    def since(self, moment: float, speaker: str, other: bool = False) -> list[Segment]:
        """Segments of this speaker (or of everybody else) that began after `moment`, in order."""
        return [
            each
            for each in self.segments.values()
            if each.at >= moment and (each.speaker == speaker) != other and each.text.strip()
        ]

    def _opened(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        task = asyncio.create_task(self._read(reader, speaker))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        attributes = reader.info.attributes or {}
        name = attributes.get(SEGMENT) or reader.info.stream_id
        segment = self.segments.setdefault(name, Segment(speaker, time.monotonic()))
        text = ""
        try:
            async for chunk in reader:
                text += chunk
                segment.text = text
                self._changes.notify()
        except ConnectionError:
            logger.debug("the stream of segment %s ended before its end", name)
        if attributes.get(FINAL) == "true" or (reader.info.attributes or {}).get(FINAL) == "true":
            segment.final = True
        self._changes.notify()
