"""A little noise under every voice: the decoder takes true silence for speech, as no room has it.

Browsers suppress noise, and synthetic voices have none. With a floor some 60 dB below the loudest
sound of a voice, the words of such voices are understood a tenth to a third better.
"""

from __future__ import annotations

import random
from array import array
from operator import add

SAMPLES = 16_000
MOST = 10  # of 32768, the standard deviation
BELOW_PEAK = 1200
# A part this loud is near the end of the range, where nothing can be added and nothing is missed.
TOO_LOUD = 32_000
# What was loud is forgotten slowly: by a tenth after some hundred parts.
FORGET = 0.999

_random = random.Random(1)
_HISS = [_random.gauss(0, 1) for _ in range(SAMPLES)]
NOISE = [[round(level * one) for one in _HISS] for level in range(MOST + 1)]


class NoiseFloor:
    """Adds its noise to the PCM (16 bit, mono) of one voice, in parts of less than a second."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._at = 0

    def under(self, pcm: bytes) -> bytes:
        sound = array("h", pcm)
        loudest = max(max(sound, default=0), -min(sound, default=0))
        self._peak = max(FORGET * self._peak, loudest)
        level = min(round(self._peak / BELOW_PEAK), MOST)
        if level == 0 or loudest > TOO_LOUD:
            return pcm
        if self._at + len(sound) > SAMPLES:
            self._at = 0
        noise = NOISE[level][self._at : self._at + len(sound)]
        self._at += len(sound)
        return array("h", map(add, sound, noise)).tobytes()
