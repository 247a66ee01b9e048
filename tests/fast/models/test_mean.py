"""The cepstral mean of a voice: what it is after the decoder has mixed its own into it."""

from __future__ import annotations

import pytest

from dev.models.mean import GIVEN_WEIGHS, MOST_FRAMES, OF_ANYONE, OF_ANYONE_FRAMES, Mean

VOICE = [float(number) for number in range(20, 33)]


def mixed(given: Mean, frames: int) -> str:
    """What the decoder has after `frames` frames of VOICE, having begun with `given`."""
    total = GIVEN_WEIGHS + frames
    values = (
        (GIVEN_WEIGHS * a + frames * b) / total for a, b in zip(given.values, VOICE, strict=True)
    )
    return ",".join(f"{value:.6f}" for value in values)


def test_a_second_of_a_voice_weighs_more_than_what_was_assumed() -> None:
    mean = Mean()
    mean.learn(Mean(), mixed(Mean(), 120), 120)
    share = 120 / (120 + OF_ANYONE_FRAMES)
    expected = [
        (1 - share) * assumed + share * heard
        for assumed, heard in zip(OF_ANYONE, VOICE, strict=True)
    ]
    assert mean.values == pytest.approx(expected, abs=1e-3)


def test_it_becomes_the_voice_and_keeps_being_able_to_change() -> None:
    mean = Mean()
    for _ in range(40):
        mean.learn(mean, mixed(mean, 200), 200)
    assert mean.values == pytest.approx(VOICE, abs=0.5)
    assert mean.frames == MOST_FRAMES


def test_nothing_heard_changes_nothing() -> None:
    mean = Mean()
    mean.learn(mean, mean.text, 0)
    assert mean == Mean()
