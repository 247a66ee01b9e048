"""What a microphone may pick up, as WAV files for Chromium's fake one: nothing, babble, a voice."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from dev.caller.sound import RATE, Samples
from tests.system.page.browser import record_voice

ROOM_TONE = 6
"""Amplitude of the noise that every real microphone makes, of 32767: -75 dB."""
BABBLE = (
    "the quick brown fox jumps over the lazy dog and then it runs home to tell the others",
    "in the morning we walked along the river until the bridge came into sight before us",
    "nobody knows how many people were standing in the hall when the music began to play",
    "please put the letters on the table and close the window before you leave the house",
)


def digital_silence(path: Path, seconds: float = 2.0) -> Path:
    """Zeros: what a microphone sends that is switched off in its cable, or by the system."""
    return _write(path, np.zeros(round(seconds * RATE), np.int16))


def babble(path: Path) -> Path:
    """Several people who talk at once and never pause."""
    voices = [
        _read(record_voice(path.with_suffix(f".{n}.wav"), text, before_s=0, between_s=0))
        for n, text in enumerate(BABBLE)
    ]
    length = min(len(each) for each in voices)
    mixed = np.zeros(2 * length, np.float64)
    for number, each in enumerate(voices):
        once = np.roll(each[:length], number * length // len(voices))
        mixed += np.concatenate([once, np.roll(once, length // 2)])
    return _write(path, np.clip(mixed, -32768, 32767).astype(np.int16))


def voice_in_a_room(path: Path, *sentences: str, before_s: float, between_s: float) -> Path:
    """A person in a quiet room: sentences, and between them what a real microphone hears."""
    clean = _read(record_voice(path, *sentences, before_s=before_s, between_s=between_s))
    tone = np.random.default_rng(1).normal(0, ROOM_TONE, len(clean))
    return _write(path, np.clip(clean + tone, -32768, 32767).astype(np.int16))


def _read(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def _write(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path
