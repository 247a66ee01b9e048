"""How loud the caller's sound arrives: told of each few seconds of it, with what is clipped."""

from __future__ import annotations

from typing import Any

from agent.speech.levels import EVERY_S, LevelMeter
from agent.speech.reports import Degraded, Reports
from tests.fast.agent.hearing import frame


class Heard:
    """A call that listens to its reports."""

    def __init__(self) -> None:
        self.levels: list[dict[str, Any]] = []

    def event(self, stage: str, name: str, /, **data: Any) -> None:
        assert (stage, name) == ("hear", "level")
        self.levels.append(data)

    def degraded(self, degraded: Degraded) -> None:
        raise AssertionError(degraded)


def told(*loudness: int) -> list[dict[str, Any]]:
    """What is told of so many tenths of a second of sound, each as loud as that."""
    reports, heard = Reports(), Heard()
    reports.listen(heard)
    meter = LevelMeter(reports)
    for each in loudness:
        meter.heard(frame(0.1, loudness=each))
    return heard.levels


def test_nothing_is_told_of_too_little_sound() -> None:
    assert told(*[8000] * round(EVERY_S / 0.1 - 1)) == []


def test_the_loudest_of_each_few_seconds_is_told() -> None:
    quiet, loud = told(*[0] * 40, *[0] * 39, 8000)
    assert (quiet["level"], quiet["clipped"]) == (0.0, 0.0)
    assert abs(loud["level"] - 8000 / 32768 / 2**0.5) < 0.01  # of a sine
    assert abs(loud["seconds"] - EVERY_S) < 0.11


def test_what_is_as_loud_as_can_be_is_clipped() -> None:
    (half,) = told(*[8000] * 20, *[32767] * 20)
    assert 0.03 < half["clipped"] < 0.06  # the tops of a sine of full loudness, in half of it
