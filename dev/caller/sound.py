"""Sound as samples: 16 bit, mono, 16 kHz; where it begins and ends; WAV files in and out."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from dev.caller.errors import CallError

RATE = 16_000  # samples a second: what speech recognisers listen at
AUDIBLE = 184  # smallest sample that counts as sound: -45 dB of full scale

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Sound:
    """Mono samples at RATE, with the words they say where they are known."""

    samples: Samples
    words: str = ""

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE

    @classmethod
    def silence(cls, seconds: float) -> Sound:
        return cls(np.zeros(round(seconds * RATE), np.int16))


def audible_span(samples: Samples) -> tuple[int, int] | None:
    """Index of the first and of the last sample that can be heard; None for silence."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= AUDIBLE)
    return (int(loud[0]), int(loud[-1])) if len(loud) else None


def read_wav(path: Path) -> Sound:
    """A WAV file of 16 bit samples at any rate, its channels mixed to one."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise CallError(
                    f"{path} has {8 * file.getsampwidth()} bits a sample; 16 are needed. "
                    f"Convert it: sox {path} -b 16 converted.wav"
                )
            rate, channels = file.getframerate(), file.getnchannels()
            raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    except FileNotFoundError as error:
        raise CallError(f"there is no file {path}") from error
    except (OSError, EOFError, wave.Error) as error:
        raise CallError(f"{path} cannot be read as a WAV file: {error}") from error
    mono = raw.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return Sound(resampled(mono, rate), words=path.name)


def write_wav(path: Path, channels: list[Samples]) -> None:
    """All channels in one file; shorter ones end in silence."""
    length = max((len(each) for each in channels), default=0)
    interleaved = np.zeros((length, len(channels)), np.int16)
    for number, each in enumerate(channels):
        interleaved[: len(each), number] = each
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(len(channels))
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(interleaved.tobytes())
    except OSError as error:
        raise CallError(f"the recording cannot be written to {path}: {error.strerror}") from error


def resampled(samples: Samples, rate: int) -> Samples:
    """The same sound at RATE."""
    if rate == RATE or not len(samples):
        return samples
    resampler = rtc.AudioResampler(rate, RATE, quality=rtc.AudioResamplerQuality.HIGH)
    frame = rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))
    frames = resampler.push(frame) + resampler.flush()
    return np.concatenate([np.frombuffer(each.data, np.int16) for each in frames])
