"""Sound files and sample rates: what goes in comes out, whole, at another rate, in any format."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from dev.models.sound import NotAudio, Pcm, Resampler, decode
from dev.models.speaking.formats import CONTENT_TYPES, Format, encoder

FILES: dict[Format, str] = {
    "mp3": "mp3float",
    "opus": "opus",
    "aac": "aac",
    "flac": "flac",
    "wav": "pcm_s16le",
}


def tone(rate: int, hertz: float, seconds: float) -> NDArray[np.float32]:
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)
    return wave.astype(np.float32)


def pitch_and_peak(pcm: Pcm, rate: int) -> tuple[float, int]:
    inner = pcm[rate // 10 : rate // 10 + rate // 2].astype(int)
    spectrum = np.abs(np.fft.rfft(inner))
    return 2.0 * int(spectrum.argmax()), int(np.abs(inner).max())


@pytest.mark.parametrize(("source", "target"), [(22_050, 24_000), (48_000, 16_000), (8000, 16_000)])
def test_a_tone_in_pieces_keeps_its_pitch_loudness_and_length(source: int, target: int) -> None:
    resampler, whole = Resampler(source, target), tone(source, 440, 1.0)
    pieces = [resampler.push(piece) for piece in np.array_split(whole, 13)]
    assert len(pieces[0]) > 0, "the first piece comes at once"
    out = np.concatenate([*pieces, resampler.rest()])
    assert len(out) == pytest.approx(target, rel=0.001)
    pitch, peak = pitch_and_peak(out, target)
    assert pitch == pytest.approx(440, abs=2)
    assert peak == pytest.approx(0.3 * 32767, rel=0.03)


@pytest.mark.parametrize("name", FILES)
def test_each_format_comes_in_pieces_and_is_the_whole_sound(name: Format) -> None:
    encoding, resampler = encoder(name, 24_000), Resampler(24_000, 24_000)
    pieces = [
        encoding.push(resampler.push(piece)) for piece in np.array_split(tone(24_000, 440, 2.0), 8)
    ]
    assert sum(map(bool, pieces)) > 5, "it is sent while it is made"
    file = b"".join([*pieces, encoding.rest()])
    with av.open(io.BytesIO(file)) as opened:
        assert opened.streams.audio[0].codec_context.codec.name == FILES[name]
    out = np.frombuffer(decode(file, 24_000), np.int16)
    assert len(out) / 24_000 == pytest.approx(2.0, abs=0.1)
    pitch, peak = pitch_and_peak(out, 24_000)
    assert pitch == pytest.approx(440, abs=2)
    assert peak == pytest.approx(0.3 * 32767, rel=0.15)


def test_pcm_is_samples_only_and_every_format_has_a_type() -> None:
    pcm = np.arange(-3, 3, dtype=np.int16)
    encoding = encoder("pcm", 24_000)
    assert encoding.push(pcm) + encoding.rest() == pcm.astype("<i2").tobytes()
    assert set(CONTENT_TYPES) == {*FILES, "pcm"}


def test_what_is_no_audio_is_said_to_be_none() -> None:
    with pytest.raises(NotAudio, match="cannot be read as audio"):
        decode(b"RIFF and so on", 16_000)
