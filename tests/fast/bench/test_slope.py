"""The line through samples, and how certain it is."""

from __future__ import annotations

import random

import pytest

from tools.endurance.growth import FEWEST, Slope, slope

HOUR = 3600.0


def samples(
    minutes: float, every_s: float, steep: float, noise: float, seed: int = 1
) -> list[tuple[float, float]]:
    dice = random.Random(seed)
    moments = [each * every_s for each in range(int(minutes * 60 / every_s))]
    return [(at, 100 + steep * at / HOUR + dice.gauss(0, noise)) for at in moments]


def test_a_straight_line_is_found_exactly() -> None:
    found = slope(samples(25, 10, steep=7.5, noise=0))
    assert found is not None
    assert found.per_hour == pytest.approx(7.5)
    assert found.give_or_take == pytest.approx(0, abs=1e-6)


def test_of_too_few_samples_nothing_is_said() -> None:
    assert slope([(float(at), 1.0) for at in range(FEWEST - 1)]) is None
    assert slope([(5.0, float(value)) for value in range(FEWEST)]) is None


@pytest.mark.parametrize("steep", [0.0, 3.0])
def test_the_interval_holds_the_truth_as_often_as_it_says(steep: float) -> None:
    held = 0
    for seed in range(400):
        found = slope(samples(25, 10, steep, noise=0.5, seed=seed))
        assert found is not None
        held += abs(found.per_hour - steep) <= found.give_or_take
    assert 0.92 <= held / 400 <= 0.99


def test_samples_that_resemble_each_other_tell_less() -> None:
    """Memory wanders: a walk without any drift must not be called a leak too often."""
    wrong = 0
    for seed in range(300):
        dice, points, value = random.Random(seed), [], 0.0
        for number in range(150):
            value = 0.9 * value + dice.gauss(0, 0.3)
            points.append((number * 10.0, value))
        found = slope(points)
        assert found is not None
        wrong += abs(found.per_hour) > found.give_or_take
    assert wrong / 300 < 0.2  # 0.6 when each sample is taken for a new one


def test_one_step_is_no_leak_for_certain() -> None:
    found = slope([(number * 10.0, 16.5 if number < 40 else 17.1) for number in range(150)])
    assert found is not None
    assert found.below(1.0) is None


@pytest.mark.parametrize(
    ("found", "said"),
    [(Slope(0.2, 0.5), True), (Slope(2.0, 0.5), False), (Slope(0.8, 0.5), None),
     (Slope(1.2, 0.5), None), (Slope(-5.0, 0.1), True)],
)  # fmt: skip
def test_below_only_when_it_is_certain(found: Slope, said: bool | None) -> None:
    assert found.below(1.0) is said
