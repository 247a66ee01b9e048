"""What is told of a long run: goals met and short, what is left behind, what was wrong."""

from __future__ import annotations

import json

import pytest

from tools.bench.processes import Tree
from tools.endurance import figure as endurance
from tools.endurance.figure import LongCall
from tools.endurance.growth import Growth, Passing, Slope, memory_told
from tools.endurance.ledger import Ledger
from tools.endurance.left_over import Left, Standing, difference

STILL = Slope(0.0, 0.0)
CLEAN = Left(0, [], [], 0, {}, 0)


def process(name: str, memory: Slope | None, fds: Slope = STILL) -> Growth:
    return Growth(f"agent: {name} (1)", name, [100.0, 101.0], memory, fds, STILL)


def run(*calls: LongCall, cut_after_s: float | None = None) -> endurance._Run:
    return endurance._Run(30.0, 300.0, len(calls), list(calls), cut_after_s)


def test_a_run_without_trouble_meets_every_goal() -> None:
    calls = [LongCall(number, 60.0 * number, 0.5, [0.8, 0.9]) for number in range(3)]
    rows = endurance._rows(run(*calls), [process("a", Slope(0.2, 0.3))], CLEAN)
    assert [row.met for row in rows] == [True] * 5
    assert "(a, ± 0.30)" in rows[0].figure
    assert rows[0].ours == 0.2


@pytest.mark.parametrize(
    ("slopes", "met"),
    [
        ([Slope(0.2, 0.3), Slope(5.0, 1.0)], False),
        ([Slope(0.2, 0.3), Slope(0.5, 9.0)], None),  # too noisy to tell
        ([None], None),
        ([Slope(0.5, 9.0), Slope(5.0, 1.0)], False),
    ],
)
def test_memory_is_short_only_when_it_is_certain(
    slopes: list[Slope | None], met: bool | None
) -> None:
    rows = endurance._rows(run(), [process("p", each) for each in slopes], CLEAN)
    assert rows[0].met is met


def test_each_trouble_has_its_row() -> None:
    calls = [
        LongCall(0, 0.0, 0.5, [0.8], unanswered=["'yes': no sound"]),
        LongCall(1, 20.0, 0.5, [0.8], failing=["think/slow: …"]),
        LongCall(2, 40.0, problem="no agent came"),
    ]
    leaks = process("p", STILL, fds=Slope(30.0, 1.0))
    left = Left(1, ["bench-1"], ["voice room x (checkpoint)"], 1, {"agent": 2}, 0)
    rows = endurance._rows(run(*calls), [leaks], left)
    assert [row.ours for row in rows] == [0.0, 1, 1, 2, 5]
    assert [row.met for row in rows] == [True, False, False, False, False]
    wrong = endurance._wrong(run(*calls))
    assert wrong == [
        "call 1 at 0 s: 'yes': no sound",
        "call 2 at 20 s: think/slow: …",
        "call 3 at 40 s: no agent came",
    ]
    assert any("bench-1" in line for line in left.told())
    assert any("2 more processes of agent" in line for line in left.told())


def test_a_run_that_was_cut_short_says_so() -> None:
    (_, cut, *_) = endurance._told(run(LongCall(0, 0.0), cut_after_s=120.0))
    assert cut == "cut short after 2.0 of 30 minutes"


def test_only_what_the_calls_left_is_counted() -> None:
    before = Standing(0, ["old"], 5, ["an old one (checkpoint)"], {"agent": 6, "letta": 9}, 1)
    after = Standing(0, ["old"], 8, ["an old one (checkpoint)"], {"agent": 6, "letta": 8}, 1)
    assert difference(before, after, calls=3) == CLEAN
    assert difference(before, after, calls=2).count == 1  # one conversation too many
    more = Standing(1, ["old", "new"], 8, [], {"agent": 7, "letta": 9}, 1)
    assert difference(before, more, calls=3).count == 3


def test_what_moves_has_a_line_and_what_is_still_is_counted() -> None:
    lines = memory_told(
        [process("grows", Slope(3.0, 0.5)), process("still", STILL), process("new", None)],
        [Passing("agent", 12, 80.0, 91.0, Slope(0.5, 2.0))],
        {"agent": Slope(1.0, 2.0)},
    )
    assert lines[0].startswith("agent: grows (1): 100.0 101.0 MB, +3.00 ± 0.50 MB/h")
    assert "1 other processes did not change" in lines[2]
    assert "12 processes came and went, at most 91.0 MB" in lines[3]
    assert lines[4] == "agent, all of it (PSS): +1.00 ± 2.00 MB/h"


def test_the_whole_result_can_be_written_as_json() -> None:
    result = endurance._result(run(LongCall(0, 0.0, 0.5, [0.8])), Ledger(Tree({})), CLEAN)
    assert json.loads(json.dumps(result.raw))["calls"][0]["first_sounds"] == [0.8]
