"""Sounds in which nobody says a word to the microphone, made the same each time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tools.bench.hearing.conditions import RATE, Samples, fitted, pink

Sound = NDArray[np.float64]
FAR_HZ = 700.0  # what two walls let through
ECHO_S = 0.6
NOTES = (220.0, 261.63, 293.66, 329.63, 392.0, 440.0, 523.25, 587.33)
CHORDS = (
    (110.0, 164.81, 261.63),
    (98.0, 146.83, 246.94),
    (87.31, 174.61, 220.0),
    (82.41, 123.47, 207.65),
)


def silence(seconds: float) -> Samples:
    """Half of it digital, half what a good microphone makes of a quiet room (-75 dB)."""
    count = int(seconds * RATE)
    room = 6.0 * np.random.default_rng(1).normal(0, 1, count)
    room[: count // 2] = 0
    return fitted(room)


def fan(seconds: float) -> Samples:
    """Rushing air and the hum of a motor, -32 dB."""
    count, random = int(seconds * RATE), np.random.default_rng(2)
    at = np.arange(count) / RATE
    air = pink(count, random) * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * at))
    hum = sum(np.sin(2 * np.pi * 118 * n * at) / n for n in (1, 2, 3, 5))
    return fitted(700 * (air + 0.5 * hum))


def music(seconds: float) -> Samples:
    """A tune with chords and drums, -18 dB."""
    count, random = int(seconds * RATE), np.random.default_rng(3)
    sound = np.zeros(count + 4 * RATE)
    beat = int(0.3 * RATE)
    for number in range(count // beat):
        start = number * beat
        if number % 8 == 0:
            for hertz in CHORDS[number // 8 % len(CHORDS)]:
                _add(sound, start, _note(hertz, 8 * beat, 3.0) * 1500)
        if random.random() < 0.8:
            length = beat * int(random.integers(1, 4))
            _add(sound, start, _note(float(random.choice(NOTES)), length, 6.0) * 4000)
        hit = random.normal(0, 1, int(0.08 * RATE)) * np.exp(-np.arange(int(0.08 * RATE)) / 200)
        _add(sound, start, hit * (5000 if number % 4 == 2 else 1500))
    return fitted(sound[:count])


def keyboard(seconds: float) -> Samples:
    """Somebody types fast beside the microphone."""
    count, random = int(seconds * RATE), np.random.default_rng(4)
    sound = 8.0 * random.normal(0, 1, count + RATE)
    at = 0.2
    while at < seconds:
        for delay, loud in ((0.0, 1.0), (float(random.uniform(0.05, 0.09)), 0.4)):  # down, and up
            _add(sound, int((at + delay) * RATE), loud * _key(random))
        at += float(
            random.uniform(0.4, 1.5) if random.random() < 0.1 else random.uniform(0.08, 0.2)
        )
    return fitted(sound[:count])


def television(seconds: float, voices: list[Samples]) -> Samples:
    """People who talk two rooms away, with music: muffled, with an echo, -52 dB."""
    count, random = int(seconds * RATE), np.random.default_rng(5)
    talk = np.zeros(count)
    at = 0
    while at < count:
        voice = voices[int(random.integers(len(voices)))].astype(np.float64)
        voice *= 3000 / max(1.0, np.sqrt(np.mean(voice**2)))
        _add(talk, at, voice)
        at += len(voice) + int(random.uniform(0.1, 1.0) * RATE)
    programme = talk + 0.2 * music(seconds)
    # All through the walls at once: an exponential echo, and little above FAR_HZ.
    echo = random.normal(0, 1, int(ECHO_S * RATE)) * np.exp(-np.arange(int(ECHO_S * RATE)) / 2500)
    size = 1 << (count + len(echo)).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    walls = 1 / (1 + (hertz / FAR_HZ) ** 4)
    far = np.fft.irfft(np.fft.rfft(programme, size) * np.fft.rfft(echo, size) * walls, size)[:count]
    far *= 80 / np.sqrt(np.mean(far**2))
    return fitted(far + 10.0 * random.normal(0, 1, count))


NOISES: dict[str, Callable[[float], Samples]] = {
    "silence": silence,
    "fan": fan,
    "music": music,
    "keyboard": keyboard,
}
"""`television` needs voices, and is made apart."""


def _note(hertz: float, count: int, decay: float) -> Sound:
    at = np.arange(count) / RATE
    tone = sum(np.sin(2 * np.pi * hertz * n * at) / n**1.5 for n in range(1, 6))
    played: Sound = tone * np.exp(-decay * at) * np.minimum(1, at / 0.01)
    return played


def _key(random: np.random.Generator) -> Sound:
    length = int(0.03 * RATE)
    at = np.arange(length) / RATE
    ring = np.sin(2 * np.pi * random.uniform(1500, 4000) * at)
    click: Sound = (random.normal(0, 1, length) + ring) * np.exp(-at * 250)
    return click * float(random.uniform(2000, 7000))


def _add(sound: Sound, start: int, part: Sound) -> None:
    end = min(len(sound), start + len(part))
    sound[start:end] += part[: end - start]
