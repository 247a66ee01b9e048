"""What is made of many calls at once: the count at which it doubles, and what held them up."""

from __future__ import annotations

import pytest

from tools.bench.bottleneck import bottleneck, doubles_at, since, trouble
from tools.bench.caller_process import CallOutcome
from tools.bench.figures import load
from tools.bench.figures.load import Step
from tools.bench.processes import Reading
from tools.bench.subjects import OURS, STOCK


@pytest.mark.parametrize(
    ("medians", "count"),
    [
        ({1: 0.8, 2: 0.9, 4: 1.6, 5: 3.0}, 4),
        ({1: 0.8, 2: 0.9, 4: 1.59}, None),
        ({1: 0.8, 2: 1.7, 4: 1.0}, 2),
        ({1: 0.8, 6: None}, 6),  # nobody was answered at all
        ({2: 0.8, 4: 9.0}, None),  # one room was not measured
        ({1: None, 2: 0.9}, None),
    ],
)
def test_doubles_at_the_smallest_count_that_was_measured(
    medians: dict[int, float | None], count: int | None
) -> None:
    assert doubles_at(medians) == count


IDLE = Reading(2, 0.6, 0.0, {"agent": 0.3, "callers": 0.3}, "agent: forkserver", 0.2, 9000.0)


FULL = Reading(2, 1.96, 0.9, {"agent": 0.9, "models": 0.5, "callers": 0.4, "letta": 0.1},
               "agent: forkserver", 0.3, 9000.0)  # fmt: skip


def test_full_cores_are_named_with_who_took_most() -> None:
    said = bottleneck(FULL, 0, {})
    assert said == (
        "the processor: all 2 cores at 90 % or more for 90 % of the time; "
        "most took agent 0.90, models 0.50, letta 0.10, and the callers 0.40"
    )


def test_nothing_saturated_is_said_too() -> None:
    assert bottleneck(IDLE, 0, {}) == "nothing was saturated (0.6 of 2 cores busy)"


def test_one_process_memory_limits_and_missing_agents_are_named() -> None:
    one = Reading(8, 2.0, 0.0, {"letta": 1.0, "agent": 0.99}, "letta: server", 0.97, 200.0)
    said = bottleneck(one, 3, {"errors of letta timeout": 4, "tries again of letta": 0})
    assert "one process at 97 % of a core: letta: server" in said
    assert "memory: 200 MB were left" in said
    assert "a limit or a provider (errors of letta timeout 4)" in said
    assert "3 rooms got no agent" in said


def test_others_on_the_machine_are_told() -> None:
    shared = Reading(2, 0.7, 0.0, {"agent": 0.5}, "", 0.0, 9000.0)
    assert bottleneck(shared, 0, {}).endswith("other programs of this machine took 0.2 of 2 cores")
    spoilt = Reading(2, 1.5, 0.0, {"agent": 0.5}, "", 0.0, 9000.0)
    assert "took 1.0 of 2 cores, so this step says little" in bottleneck(spoilt, 0, {})


METRICS = """\
# TYPE voice_calls counter
voice_calls_total{outcome="accepted"} 7.0
voice_calls_total{outcome="refused"} 2.0
# TYPE voice_provider_errors counter
voice_provider_errors_total{kind="timeout",provider="letta"} 3.0
# TYPE voice_retries counter
voice_retries_total{what="connect"} 4.0
# TYPE voice_init_timeouts counter
voice_init_timeouts_total 1.0
"""


def test_trouble_is_read_from_the_figures_of_the_worker() -> None:
    found = trouble(METRICS)
    assert found == {
        "calls refused by the worker": 2.0,
        "errors of letta timeout": 3.0,
        "tries again of connect": 4.0,
        "processes that were not ready in time": 1.0,
    }
    assert since({"errors of letta timeout": 1.0}, found)["errors of letta timeout"] == 2.0


def turn(seconds: float | None) -> dict[str, object]:
    return {"first_sound_s": seconds, "answered": seconds is not None, "problem": "silent"}


def step(rooms: int, *sounds: float | None, subject: str = OURS) -> Step:
    outcomes = [CallOutcome(0.5, [turn(each) for each in sounds]) for _ in range(rooms)]
    return Step(subject, rooms, outcomes, IDLE, {})


def test_a_step_counts_rooms_and_turns_apart() -> None:
    outcomes = [CallOutcome(0.5, [turn(0.8), turn(None)]), CallOutcome(None, [], "no agent")]
    told = load.told(Step(OURS, 2, outcomes, IDLE, {}))
    assert "listening p50 0.50 p95 0.50 s" in told
    assert "first sound p50 0.80 p95 0.80 s of 2 turns, 1 unanswered, 1 room without" in told
    assert "cores: agent 0.30, the callers themselves 0.30" in told


def test_the_goal_of_the_load_is_met_short_or_open() -> None:
    def met(*steps: Step) -> bool | None:
        return load._rows({OURS: {each.rooms: each for each in steps}, STOCK: {}})[-1].met

    assert met(step(1, 0.8), step(4, 1.0), step(6, 1.7)) is True
    assert met(step(1, 0.8), step(4, 1.7), step(6, 1.7)) is False
    assert met(step(1, 0.8), step(6, 1.0), step(10, 1.5)) is True
    assert met(step(1, 0.8), step(4, 1.0)) is None  # six rooms were not measured
    assert met(step(5, 1.0)) is None
