"""How loud sound is, and how much of it is clipped: the caller's is measured where it arrives."""

from __future__ import annotations

import numpy as np
from livekit import rtc

from agent.speech.answers import loudest
from agent.speech.reports import Reports

EVERY_S = 4.0  # of sound, between two reports
CLIPPED = 32440  # a sample of 16 bits as large is as large as can be


def clipped(pcm: bytes | memoryview) -> int:
    """How many samples of 16 bits are as loud as can be."""
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.int32)
    return int(np.count_nonzero(np.abs(samples) >= CLIPPED))


class LevelMeter:
    """Reports `hear.level` of each few seconds of sound; no sound, no report."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._loudest = self._seconds = 0.0
        self._clipped = self._samples = 0

    def heard(self, frame: rtc.AudioFrame) -> None:
        samples = np.frombuffer(frame.data, dtype=np.int16)
        if not samples.size:
            return
        self._loudest = max(self._loudest, loudest(frame.data, frame.sample_rate))
        self._clipped += clipped(frame.data)
        self._samples += samples.size
        self._seconds += frame.duration
        if self._seconds >= EVERY_S:
            self._reports.emit(
                "hear",
                "level",
                seconds=round(self._seconds, 2),
                level=round(self._loudest, 5),
                clipped=round(self._clipped / self._samples, 4),
            )
            self._loudest = self._seconds = 0.0
            self._clipped = self._samples = 0
