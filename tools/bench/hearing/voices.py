"""Who says it: recordings of people, and voices that are made, as samples of 16 kHz."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import moonshine_voice
import numpy as np
from piper import PiperVoice

from dev.caller.sound import CallerVoice, resampled
from dev.models.sound import decode
from dev.models.weights import PIPER_JOE, get
from tools.bench.hearing.conditions import RATE, Samples

RECORDED = Path(moonshine_voice.__file__).parent / "assets"
Speak = Callable[[str], Awaitable[Samples]]


def recording(name: str) -> Samples:
    """One of texts.RECORDINGS."""
    return np.frombuffer(decode((RECORDED / name).read_bytes(), RATE), np.int16)


def flite(name: str) -> Speak:
    voice = CallerVoice(name)

    async def speak(words: str) -> Samples:
        return (await voice.speak(words)).samples

    return speak


async def piper(words: str) -> Samples:
    return await asyncio.to_thread(_piper, words)


def _piper(words: str) -> Samples:
    chunks = list(_piper_voice().synthesize(words))
    samples = np.concatenate([chunk.audio_int16_array for chunk in chunks])
    return resampled(samples, chunks[0].sample_rate)


@cache
def _piper_voice() -> PiperVoice:
    folder = get(PIPER_JOE)
    return PiperVoice.load(folder / f"{PIPER_JOE.name}.onnx")
