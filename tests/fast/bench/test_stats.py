"""Percentiles, and words that were misheard."""

from __future__ import annotations

import random

import pytest

from tools.bench.results import Summary, percentile, ratio, word_errors


@pytest.mark.parametrize(
    ("percent", "wanted"), [(0, 1), (5, 1), (50, 10), (95, 19), (96, 20), (100, 20)]
)
def test_percentile_is_a_value_that_was_measured(percent: float, wanted: float) -> None:
    values = list(range(1, 21))
    random.Random(1).shuffle(values)
    assert percentile(values, percent) == wanted


def test_one_value_is_every_percentile() -> None:
    assert [percentile([3.0], percent) for percent in (0, 50, 95, 100)] == [3.0] * 4


def test_summary_of_nothing_has_no_figures() -> None:
    assert Summary.of([]) == Summary(0, None, None, None)


def test_summary() -> None:
    assert Summary.of([3.0, 1.0, 2.0]) == Summary(3, 2.0, 3.0, 3.0)


def test_ratio_needs_both() -> None:
    assert ratio(1.0, 2.0) == 0.5
    assert ratio(None, 2.0) is None
    assert ratio(1.0, None) is None
    assert ratio(1.0, 0.0) is None


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("my favorite color is green", "My favorite color is green.", 0),
        ("my favorite color is green", "my favorite collar is green", 1),
        ("my favorite color is green", "favorite color is green", 1),
        ("my favorite color is green", "oh my favorite color is green", 1),
        ("yes", "", 1),
        ("no, i meant", "no i meant", 0),
        ("a b c", "x y", 3),
    ],
)
def test_word_errors(said: str, heard: str, wrong: int) -> None:
    assert word_errors(said, heard) == (wrong, len(said.split()))
