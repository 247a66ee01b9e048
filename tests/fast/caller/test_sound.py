"""Sound: where it begins and ends, and WAV files of every shape."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from dev.caller.access import CallError
from dev.caller.sound import (
    AUDIBLE,
    RATE,
    Samples,
    audible_span,
    read_wav,
    resampled,
    write_wav,
)


def tone(seconds: float, rate: int = RATE, hertz: float = 440, level: int = 8000) -> Samples:
    moments = np.arange(round(seconds * rate)) / rate
    return np.asarray(level * np.sin(2 * np.pi * hertz * moments), np.int16)


def write(path: Path, samples: Samples, rate: int, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def test_span_is_first_and_last_audible_sample() -> None:
    samples = np.zeros(1000, np.int16)
    samples[[100, 700]] = AUDIBLE, -AUDIBLE
    samples[[50, 800]] = AUDIBLE - 1  # too quiet to count
    assert audible_span(samples) == (100, 700)


def test_the_loudest_negative_sample_is_audible() -> None:
    assert audible_span(np.array([0, -32768, 0], np.int16)) == (1, 1)


def test_silence_has_no_span() -> None:
    assert audible_span(np.zeros(100, np.int16)) is None


@pytest.mark.parametrize("rate", [8000, 24000, 44100, 48000])
def test_any_rate_becomes_ours_with_the_same_tone(tmp_path: Path, rate: int) -> None:
    sound = read_wav(write(tmp_path / "a.wav", tone(1.0, rate), rate))
    assert sound.duration_s == pytest.approx(1.0, abs=0.02)
    spectrum = np.abs(np.fft.rfft(sound.samples[: RATE // 2 * 2]))
    assert spectrum.argmax() * RATE / (len(sound.samples) // 2 * 2) == pytest.approx(440, abs=10)


def test_channels_are_mixed(tmp_path: Path) -> None:
    both = np.stack([np.full(100, 1000, np.int16), np.full(100, 3000, np.int16)], axis=1)
    sound = read_wav(write(tmp_path / "a.wav", both, RATE, channels=2))
    assert set(sound.samples.tolist()) == {2000}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    left, right = tone(0.2), tone(0.1)
    write_wav(path, [left, right])
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    assert np.array_equal(frames[:, 0], left)
    assert np.array_equal(frames[: len(right), 1], right)
    assert not frames[len(right) :, 1].any()


def test_nothing_to_resample_stays_nothing() -> None:
    assert len(resampled(np.zeros(0, np.int16), 8000)) == 0


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"there is no file .*gone\.wav"):
        read_wav(tmp_path / "gone.wav")


def test_a_file_that_is_no_wav_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("hello")
    with pytest.raises(CallError, match=r"text\.wav cannot be read as a WAV file"):
        read_wav(path)


def test_eight_bits_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(50, np.int16), RATE, width=1)
    with pytest.raises(CallError, match=r"8 bits a sample; 16 are needed.*sox"):
        read_wav(path)


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"cannot be written to .*No such file"):
        write_wav(tmp_path / "gone" / "a.wav", [tone(0.1)])
