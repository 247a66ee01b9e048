"""How loud the caller's sound arrives here, measured where it arrives."""

from __future__ import annotations

import numpy as np
from livekit import rtc

from agent.speech.reports import Reports

EVERY_S = 4.0  # of sound, between two reports
FULL = 32768.0
CLIPPED = 32440  # a sample of 16 bits as large is as large as can be


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
        size = np.abs(samples.astype(np.int32))
        # Frames are of 10 to 50 ms: the loudest of them is near enough to the loudest 20 ms.
        level = float(np.sqrt(np.mean(np.square(size, dtype=np.float64))))
        self._loudest = max(self._loudest, level)
        self._clipped += int(np.count_nonzero(size >= CLIPPED))
        self._samples += size.size
        self._seconds += frame.duration
        if self._seconds >= EVERY_S:
            self._reports.emit(
                "hear",
                "level",
                seconds=round(self._seconds, 2),
                level=round(self._loudest / FULL, 5),
                clipped=round(self._clipped / self._samples, 4),
            )
            self._loudest = self._seconds = 0.0
            self._clipped = self._samples = 0
