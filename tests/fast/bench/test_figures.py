"""What the measurements make of outcomes: late rooms, goals met and short, memory by process."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from dev.caller import Turn
from tools.bench.caller_process import CallOutcome
from tools.bench.figures import footprint, joining, startup, turns
from tools.bench.subjects import OURS, STOCK
from tools.endurance import figure as endurance

MARKS: dict[str, float | None] = {
    "end_of_utterance": 300, "transcript": 310, "first_token": 500, "tts_first_byte": 600,
}  # fmt: skip


def joined(*seconds: float | None) -> list[CallOutcome]:
    return [CallOutcome(listening_after_s=each) for each in seconds]


def test_best_is_the_largest_size_before_the_first_late_one() -> None:
    fine, late, none = joined(0.5, 1.99), joined(0.5, 2.01), joined(0.5, None)
    assert joining._best({1: fine, 2: fine, 5: fine, 10: late}) == 5
    assert joining._best({1: fine, 2: none, 5: fine}) == 1
    assert joining._best({1: late}) == 0


def test_a_size_is_told_with_late_and_absent_apart() -> None:
    line = joining._rooms_line("ours", 4, joined(0.5, 0.7, 2.5, None))
    assert line == "ours, 4 at once: p50 0.70 s, max 2.50 s; 1 late, 1 without an agent"


def answered(*seconds: float) -> list[Turn]:
    return [
        Turn("yes", heard_text="yes", first_sound_s=each, reply_s=1.0, marks=MARKS)
        for each in seconds
    ]


def test_goals_of_the_turns_are_met_and_short() -> None:
    none: dict[str, list[str]] = {OURS: [], STOCK: []}
    rows = turns._rows({OURS: answered(0.7, 0.7, 1.9), STOCK: answered(1.5, 1.5, 1.5)}, none, 3)
    assert {row.figure.rpartition(", ")[2]: row.met for row in rows} == {
        "p50": True,
        "ours / stock": True,
        "p95": None,
        "max": True,
        "turns of 3 without an answer": None,
    }
    rows = turns._rows({OURS: answered(0.8, 0.8, 2.1), STOCK: answered(1.2, 1.2, 1.2)}, none, 3)
    assert [row.met for row in rows if row.met is not None] == [False, False, False]


def test_a_turn_without_an_answer_fails_the_goal_of_the_worst() -> None:
    none: dict[str, list[str]] = {OURS: [], STOCK: []}
    ours = [*answered(0.7, 0.7), Turn("yes", problem="no sound")]
    rows = turns._rows({OURS: ours, STOCK: answered(1.5)}, none, 3)
    worst = next(row for row in rows if "max" in row.figure)
    assert worst.met is False
    assert rows[-1].ours == 1


def test_split_and_accuracy_are_told() -> None:
    (line,) = turns._split(answered(0.7, 0.9))
    assert line.startswith("ours, median ms of each stage: end of utterance 300, transcript 10")
    assert "playout 200 (2 turns)" in line
    misheard = [Turn("one two three four", heard_text="one two tree four", talked_over=True)]
    (line,) = turns._accuracy({OURS: misheard})
    assert line == "ours: 25 % of 4 words misheard, 1 of 1 sentences talked over"


def test_every_figure_is_in_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    from tools.bench.__main__ import FIGURES, LONG, parse

    modules = pkgutil.iter_modules([str(Path(footprint.__file__).parent)], "tools.bench.figures.")
    measures = {
        function
        for module in modules
        for name, function in vars(importlib.import_module(module.name)).items()
        if name.startswith("measure")
    }
    assert {*FIGURES.values(), *LONG.values()} == {
        *(measures - {startup.measure_clone}),
        endurance.measure,
    }
    assert parse(["--only", "turns", "--quick"]).only == ["turns"]
    with pytest.raises(SystemExit):
        parse(["--only", "speed"])
    assert "'speed'" in capsys.readouterr().err
