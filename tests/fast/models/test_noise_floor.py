"""The noise floor: a little under a loud voice, none under a quiet one, and never out of range."""

from __future__ import annotations

import numpy as np
import pytest

from dev.models.noise_floor import MOST, NoiseFloor


def added(sound: np.ndarray[tuple[int], np.dtype[np.int16]], parts: int = 10) -> float:
    """The standard deviation of what is added to `sound`, given in parts."""
    floor = NoiseFloor()
    out = b"".join(floor.under(part.tobytes()) for part in np.array_split(sound, parts))
    return float((np.frombuffer(out, np.int16).astype(int) - sound).std())


def tone(loudness: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return (loudness * np.sin(np.arange(16_000) / 5)).astype(np.int16)


def test_a_loud_voice_gets_a_floor_and_a_quiet_one_none() -> None:
    assert added(tone(20_000)) == pytest.approx(MOST, rel=0.1)
    assert added(tone(300)) == 0


def test_the_pause_after_a_loud_word_is_not_silent() -> None:
    assert added(np.concatenate([tone(12_000), np.zeros(16_000, np.int16)])) > MOST / 2


@pytest.mark.parametrize("extreme", [-32_768, 32_767])
def test_it_never_overflows(extreme: int) -> None:
    assert added(np.full(16_000, extreme, np.int16)) < MOST
    assert NoiseFloor().under(b"") == b""
