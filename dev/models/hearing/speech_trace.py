"""Where in a sound somebody speaks, by the detector that livekit-agents carries.

Whisper makes words of anything, of silence too, so it is only given what may be speech.
"""

from __future__ import annotations

import numpy as np
from livekit.local_inference import VAD, VAD_WINDOW_SAMPLES
from numpy.typing import NDArray

WINDOW = VAD_WINDOW_SAMPLES
RATE = 16_000
SPEECH = 0.5  # the probability from which a window is speech
LEAST_WINDOWS = 3  # 0.1 s: a "no" is longer, a key of a keyboard is not
AROUND = 12  # windows (0.4 s) kept before and after speech: beginnings and endings are soft


class SpeechTrace:
    """The probability of speech in each 32 ms of a sound, as it comes."""

    def __init__(self) -> None:
        self._vad = VAD()
        self._rest = np.zeros(0, np.int16)
        self._probabilities: list[float] = []

    def hear(self, pcm: bytes) -> None:
        samples = np.concatenate([self._rest, np.frombuffer(pcm, np.int16)])
        whole = len(samples) // WINDOW * WINDOW
        for start in range(0, whole, WINDOW):
            self._probabilities.append(self._vad.predict(samples[start : start + WINDOW]))
        self._rest = samples[whole:]

    def speech(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and last window of speech from window `start` to before `end`; None if hardly
        any."""
        speaking = np.flatnonzero(self._between(start, end) >= SPEECH)
        if len(speaking) < LEAST_WINDOWS:
            return None
        return start + int(speaking[0]), start + int(speaking[-1])

    def quietest(self, start: int, end: int) -> int:
        """The window from `start` to before `end` that is least likely to be within a word."""
        about = np.convolve(self._between(start, end), np.ones(7), mode="same")
        return start + int(np.argmin(about[3:-3])) + 3

    @property
    def windows(self) -> int:
        return len(self._probabilities)

    def _between(self, start: int, end: int) -> NDArray[np.float64]:
        return np.array(self._probabilities[max(start, 0) : end])
