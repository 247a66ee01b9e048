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


def resample(pcm: Pcm, from_rate: int, to_rate: int) -> Pcm:
    """`pcm` at another rate."""
    if from_rate == to_rate or not len(pcm):
        return pcm
    resampler = av.AudioResampler(format="s16", layout="mono", rate=to_rate)
    frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = from_rate
    out = [f.to_ndarray().ravel() for f in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(out).astype(np.int16) if out else np.zeros(0, np.int16)
