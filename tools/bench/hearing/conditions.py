"""What becomes of a voice on its way: noise, a telephone, a codec that loses packets."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
TELEPHONE_HZ = (300.0, 3400.0)
OPUS_RATE, OPUS_BITS, OPUS_LOSS = 48_000, 16_000, 0.05
OPUS_PACKET = OPUS_RATE // 50
LEAD_S, TAIL_S = 1.0, 1.5  # of the condition's own silence around what is said

Samples = NDArray[np.int16]
Condition = Callable[[Samples], Samples]


def in_silence(samples: Samples) -> Samples:
    """What is said, and a moment before and after it."""
    around = (int(LEAD_S * RATE), int(TAIL_S * RATE))
    return np.pad(samples, around)


def clean(samples: Samples) -> Samples:
    return in_silence(samples)


def noisy(decibels: float) -> Condition:
    """Pink noise, so much quieter than the voice is while it speaks."""

    def condition(samples: Samples) -> Samples:
        voice = in_silence(samples).astype(np.float64)
        loud = np.abs(voice) > 0.05 * np.abs(voice).max()
        noise = pink(len(voice), np.random.default_rng(len(voice)))
        level = np.sqrt(np.mean(voice[loud] ** 2)) / 10 ** (decibels / 20)
        return fitted(voice + level * noise)

    return condition


def telephone(samples: Samples) -> Samples:
    """8 kHz, from 300 to 3400 Hz, as A-law carries it."""
    narrow = _coded(_band(in_silence(samples), *TELEPHONE_HZ), "pcm_alaw", 8000)
    return narrow[: len(samples) + int((LEAD_S + TAIL_S) * RATE)]


def opus_with_loss(samples: Samples) -> Samples:
    """Opus at 16 kbit/s; of a lost packet the decoder makes up the sound."""
    return _opus(in_silence(samples))


CONDITIONS: dict[str, Condition] = {
    "clean": clean,
    "20 dB": noisy(20.0),
    "10 dB": noisy(10.0),
    "telephone": telephone,
    "opus, 5 % lost": opus_with_loss,
}


def pink(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise with as much power in each octave, of root mean square 1."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum /= np.sqrt(np.maximum(hertz, 20.0))
    noise = np.fft.irfft(spectrum, count)
    scaled: NDArray[np.float64] = noise / np.sqrt(np.mean(noise**2))
    return scaled


def fitted(sound: NDArray[np.float64]) -> Samples:
    """As samples; a sound that is too loud is made quieter as a whole."""
    peak = float(np.abs(sound).max(initial=1.0))
    return (sound * min(1.0, 32_000 / peak)).astype(np.int16)


def _band(samples: Samples, low: float, high: float) -> Samples:
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return fitted(np.fft.irfft(spectrum, len(samples)))


def _coded(samples: Samples, codec: str, rate: int) -> Samples:
    """Through a codec that loses nothing on the way."""
    file = io.BytesIO()
    with av.open(file, "w", format="wav") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler("s16", "mono", rate)
        for frame in (*resampler.resample(_frame(samples)), *resampler.resample(None)):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    back = av.AudioResampler("s16", "mono", RATE)
    with av.open(file, "r") as coded:
        out = [each for frame in coded.decode(audio=0) for each in back.resample(frame)]
    return _joined([*out, *back.resample(None)])


def _opus(samples: Samples) -> Samples:
    coder = av.CodecContext.create("libopus", "w")
    coder.sample_rate, coder.layout, coder.format = OPUS_RATE, "mono", "s16"
    coder.bit_rate = OPUS_BITS
    coder.options = {"application": "voip", "fec": "1", "packet_loss": "5"}
    coder.time_base = Fraction(1, OPUS_RATE)
    coder.open()
    up = av.AudioResampler("s16", "mono", OPUS_RATE, frame_size=OPUS_PACKET)
    frames = [*up.resample(_frame(samples)), *up.resample(None)]
    packets = [packet for frame in (*frames, None) for packet in coder.encode(frame)]
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = OPUS_RATE, "mono"
    lost = np.random.default_rng(len(samples)).random(len(packets)) < OPUS_LOSS
    down = av.AudioResampler("s16", "mono", RATE)
    out: list[av.AudioFrame] = []
    last = np.zeros((1, OPUS_PACKET), np.int16)
    for packet, gone in zip(packets, lost, strict=True):
        # FFmpeg's decoder cannot be told of a gap: the last packet is heard again, quieter.
        frames = (
            [_frame((last * 0.5).astype(np.int16), OPUS_RATE)] if gone else decoder.decode(packet)
        )
        for frame in frames:
            last = frame.to_ndarray().astype(np.int16)
            frame.pts = None
            out += down.resample(frame)
    return _joined([*out, *down.resample(None)])


def _frame(samples: Samples, rate: int = RATE) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    return frame


def _joined(frames: list[av.AudioFrame]) -> Samples:
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.int16)
