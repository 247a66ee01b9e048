"""The agent's own hearing, fed with sound: its voice activity detector and its speech-to-text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import stt

from agent.settings import AgentSettings
from agent.speech.offline import OfflineSTT
from agent.speech.overlap import Overlap
from agent.speech.reports import Degraded, Reports
from agent.speech.vad import SharedVAD, load
from tools.bench.hearing.conditions import RATE, Samples

FRAME_S = 0.02
FRAME = int(FRAME_S * RATE)
ANSWER_LIMIT_S = 60.0


class NotHeard(Exception):
    """Speech-to-text did not answer; the text says why."""


@dataclass
class Hearing:
    """What was understood of one sound: each final text, and when it came (`time.monotonic`)."""

    finals: list[tuple[str, float]] = field(default_factory=list)
    began: float = 0.0
    waits_ms: list[float] = field(default_factory=list)
    """Of each text: from when it was asked for, at the end of its utterance."""

    @property
    def text(self) -> str:
        return " ".join(text for text, _ in self.finals if text)


class Ear:
    """One call's hearing; `hear` one sound after another."""

    def __init__(self, models_url: str) -> None:
        self._reports = Reports()
        self._reports.listen(self)
        detector = load(AgentSettings(), self._reports)
        assert detector is not None, "there is no voice activity detector"
        self._vad = SharedVAD(detector)
        self._stt = OfflineSTT(models_url, self._vad, Overlap(self._reports), self._reports)
        self._open = 0  # utterances that are asked for and not answered
        self._now = Hearing()
        self._broken = ""

    def event(self, stage: str, name: str, /, **data: Any) -> None:
        if stage == "transcribe":
            self._open += (name == "started") - (name == "done")
            if name == "done" and data.get("ms") is not None:
                self._now.waits_ms.append(data["ms"])

    def degraded(self, degraded: Degraded) -> None:
        self._broken = f"{degraded.what}: {degraded.error}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        self._words, self._voice = self._stt.stream(), self._vad.stream()
        tasks = [asyncio.create_task(self._collect()), asyncio.create_task(self._detect())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._words.aclose()
            await self._voice.aclose()

    async def hear(self, samples: Samples, speed: float) -> Hearing:
        """Play `samples`, `speed` times as fast as they were spoken, and wait for the last text."""
        now = self._now = Hearing(began=time.monotonic())
        whole = np.pad(samples, (0, -len(samples) % FRAME))
        for number in range(len(whole) // FRAME):
            part = whole[number * FRAME : (number + 1) * FRAME]
            frame = rtc.AudioFrame(part.tobytes(), RATE, 1, FRAME)
            self._voice.push_frame(frame)
            self._words.push_frame(frame)
            due = now.began + (number + 1) * FRAME_S / speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        before = len(now.finals)
        self._words.flush()
        deadline = time.monotonic() + ANSWER_LIMIT_S
        while self._open or len(now.finals) == before:
            if self._broken or time.monotonic() > deadline:
                raise NotHeard(self._broken or f"no text within {ANSWER_LIMIT_S:.0f} s")
            await asyncio.sleep(0.005)
        return now

    async def _collect(self) -> None:
        async for event in self._words:
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                self._now.finals.append((event.alternatives[0].text, time.monotonic()))

    async def _detect(self) -> None:
        async for _ in self._voice:
            pass
