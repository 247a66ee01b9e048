"""Audio files and sample rates, by FFmpeg's libraries (PyAV). PCM is 16 bit, mono."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]


class NotAudio(ValueError):
    """The bytes are no audio file that FFmpeg can read; the text says why."""


def decode(data: bytes, rate: int) -> bytes:
    """The first audio stream of a file (WAV, MP3, FLAC, Ogg, WebM…) as PCM at `rate` Hz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    parts: list[bytes] = []
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if not container.streams.audio:
                raise NotAudio("the file has no audio stream")
            for frame in container.decode(audio=0):
                parts += [out.to_ndarray().tobytes() for out in resampler.resample(frame)]
    except av.FFmpegError as error:
        raise NotAudio(f"the file cannot be read as audio: {error.strerror}") from None
    parts += [out.to_ndarray().tobytes() for out in resampler.resample(None)]
    return b"".join(parts)


class Resampler:
    """Sound at another rate, piece by piece: samples within -1 … 1 in, PCM out."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._from_rate = from_rate
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=to_rate)

    def push(self, samples: NDArray[np.float32]) -> Pcm:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = self._from_rate
        return _joined(self._resampler.resample(frame))

    def rest(self) -> Pcm:
        """What is left of the last piece."""
        return _joined(self._resampler.resample(None))


def _joined(frames: list[av.AudioFrame]) -> Pcm:
    parts = [frame.to_ndarray().ravel() for frame in frames]
    return np.concatenate(parts).astype(np.int16) if parts else np.zeros(0, np.int16)
