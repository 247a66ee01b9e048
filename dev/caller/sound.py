"""Sound as samples (16 bit, mono, 16 kHz): its begin and end, WAV files, and a voice's words."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from dev.caller.access import CallError

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


FLITE_VOICES = ("rms", "kal16", "awb", "slt", "kal")
PIPER = "piper"
SPEECH_TIMEOUT_S = 30
MAX_REASON = 500  # characters of an answer that is quoted
PCM_RATE = 24_000  # of OpenAI's pcm
DEFAULT_MODELS_URL = "http://localhost:8090/v1"


class CallerVoice:
    """Says sentences; the same sentence is made once."""

    def __init__(self, name: str | None = None, models_url: str | None = None) -> None:
        """`name`: a voice of flite, `piper` (spoken by the models server), None for the best."""
        if name not in (None, PIPER, *FLITE_VOICES):
            raise CallError(
                f"there is no voice {name!r}; there are {', '.join(FLITE_VOICES)} (program flite) "
                f"and {PIPER} (the models server's)"
            )
        flite = shutil.which("flite")
        if name in FLITE_VOICES and not flite:
            raise CallError(f"voice {name!r} needs the program flite (Debian package flite)")
        self.name = name or ("rms" if flite else PIPER)
        self._models_url = models_url or os.environ.get("MODELS_URL") or DEFAULT_MODELS_URL
        self._made: dict[str, Sound] = {}

    async def speak(self, words: str) -> Sound:
        if words not in self._made:
            if self.name == PIPER:
                sound = await _from_models(words, self._models_url)
            else:
                sound = await _from_flite(words, self.name)
            self._made[words] = Sound(sound.samples, words)
        return self._made[words]


async def _from_flite(words: str, voice: str) -> Sound:
    with tempfile.TemporaryDirectory(prefix="caller-") as folder:
        path = Path(folder, "words.wav")
        process = await asyncio.create_subprocess_exec(
            "flite", "-voice", voice, "-t", words, "-o", str(path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode != 0 or not path.exists():
            raise CallError(f"flite could not say {words!r}: {output.decode().strip()}")
        return read_wav(path)


async def _from_models(words: str, url: str) -> Sound:
    wish = {"input": words, "model": "piper", "response_format": "pcm"}
    timeout = aiohttp.ClientTimeout(total=SPEECH_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(f"{url}/audio/speech", json=wish) as response,
        ):
            pcm = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or f"nothing came for {SPEECH_TIMEOUT_S} s"
        raise CallError(
            f"the models server at {url} does not speak for the caller ({reason}); "
            "start it, or install flite (Debian package flite)"
        ) from error
    if response.status != 200:
        raise CallError(
            f"the models server at {url} does not speak for the caller: it answered "
            f"{response.status}: {pcm[:MAX_REASON].decode(errors='replace')}"
        )
    return Sound(resampled(np.frombuffer(pcm, np.int16), PCM_RATE))
