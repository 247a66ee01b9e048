"""Sample rates and the voice: what goes in comes out at another rate, and speech begins at once."""

from __future__ import annotations

import numpy as np
import pytest

from dev.models.sound import NotAudio, Pcm, decode, resample
from dev.models.voice import UnknownVoice, Voice


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice("en-us", 165)


def tone(rate: int, hertz: float, seconds: float) -> Pcm:
    return (10_000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(
        np.int16
    )


@pytest.mark.parametrize(("source", "target"), [(22_050, 24_000), (48_000, 16_000), (8000, 16_000)])
def test_a_tone_keeps_its_pitch_loudness_and_length(source: int, target: int) -> None:
    out = resample(tone(source, 440, 1.0), source, target)
    assert len(out) == pytest.approx(target, rel=0.01)
    spectrum = np.abs(np.fft.rfft(out[: target // 2]))
    assert 2 * spectrum.argmax() == pytest.approx(440, abs=2)
    assert np.abs(out[target // 10 : -target // 10].astype(int)).max() == pytest.approx(
        10_000, rel=0.03
    )


def test_nothing_stays_nothing() -> None:
    assert len(resample(np.zeros(0, np.int16), 22_050, 24_000)) == 0


def test_what_is_no_audio_is_said_to_be_none() -> None:
    with pytest.raises(NotAudio, match="cannot be read as audio"):
        decode(b"RIFF and so on", 16_000)


def test_speech_begins_at_once_and_is_slower_or_faster(voice: Voice) -> None:
    usual, fast = voice.speak("hello there"), voice.speak("hello there", speed=2.0)
    assert np.abs(usual[: voice.rate // 20].astype(int)).max() > 500
    assert len(fast) < 0.7 * len(usual)


def test_another_voice_sounds_otherwise_and_an_unknown_one_is_refused(voice: Voice) -> None:
    usual, other = voice.speak("hello"), voice.speak("hello", voice="de")
    assert len(usual) != len(other) or (usual != other).any()
    with pytest.raises(UnknownVoice, match="no voice 'nobody'"):
        voice.speak("hello", voice="nobody")
    assert len(voice.speak("")) == 0
