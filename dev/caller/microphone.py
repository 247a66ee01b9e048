"""The caller's microphone: a frame each 10 ms from a steady clock, silence when nothing is said.

A late frame is followed at once by those that are due, so that the track keeps real time and a busy
machine delays the caller's words without stretching them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from dev.caller.sound import RATE, Samples, Sound, audible_span

FRAME_S = 0.010
FRAME_SAMPLES = round(RATE * FRAME_S)
SILENT_FRAME: Samples = np.zeros(FRAME_SAMPLES, np.int16)

SendFrame = Callable[[Samples], Awaitable[None]]


@dataclass
class Utterance:
    """A sound on its way out. Times are time.monotonic() seconds, None until it happened.

    They are the moments at which a person would have made the sound: a frame can only be sent when
    its last sample has been recorded.
    """

    sound: Sound
    began_at: float | None = None  # first audible sample
    ended_at: float | None = None  # last audible sample
    out: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False  # hushed before its end

    def __post_init__(self) -> None:
        self.span = audible_span(self.sound.samples)

    def frame_sent(self, offset: int, sent_at: float) -> None:
        """Note the frame that starts at sample `offset`, sent at `sent_at`."""
        if self.span is None:
            return
        first, last = self.span
        recorded_from = sent_at - FRAME_S
        end = offset + FRAME_SAMPLES
        if offset <= first < end:
            self.began_at = recorded_from + (first - offset) / RATE
        if first < end and offset <= last:
            self.ended_at = recorded_from + (min(last + 1, end) - offset) / RATE


class Microphone:
    """`run()` sends frames until it is cancelled; `say()` puts a sound at the end of the queue."""

    def __init__(
        self,
        send: SendFrame,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send = send
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[Utterance] = deque()
        self._offset = 0  # next sample of the first utterance in the queue
        self.started_at: float | None = None  # when the first frame went out
        self.recording: list[Samples] | None = None  # all frames, once a list is set

    @property
    def busy(self) -> bool:
        """Whether something is being said."""
        return bool(self._queue)

    def say(self, sound: Sound) -> Utterance:
        utterance = Utterance(sound)
        self._queue.append(utterance)
        return utterance

    def hush(self) -> None:
        """Drop what has not been said yet."""
        while self._queue:
            utterance = self._queue.popleft()
            utterance.cut = True
            utterance.out.set()
        self._offset = 0

    async def run(self) -> None:
        self.started_at = self._clock()
        number = 0
        while True:
            wait = self.started_at + number * FRAME_S - self._clock()
            if wait > 0:
                await self._sleep(wait)
            await self._send_next()
            number += 1

    async def _send_next(self) -> None:
        if not self._queue:
            await self._deliver(SILENT_FRAME)
            return
        utterance, offset = self._queue[0], self._offset
        frame = utterance.sound.samples[offset : offset + FRAME_SAMPLES]
        if len(frame) < FRAME_SAMPLES:
            frame = np.concatenate([frame, SILENT_FRAME[len(frame) :]])
        utterance.frame_sent(offset, self._clock())
        self._offset = offset + FRAME_SAMPLES
        if self._offset >= len(utterance.sound.samples):
            self._queue.popleft()
            self._offset = 0
            utterance.out.set()
        await self._deliver(frame)

    async def _deliver(self, frame: Samples) -> None:
        if self.recording is not None:
            self.recording.append(frame)
        await self._send(frame)
