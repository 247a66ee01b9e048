"""Letta goes away during a call and comes back: the caller is told, nothing said is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from dev.caller import Caller
from tests.faults.call import Call
from tests.faults.conftest import NewFault
from tests.faults.injected import wait_until_calls_are_over
from tests.faults.processes import kill, program, restarting, stable, suspended_launcher
from tests.faults.survival.color import ANSWER, ASKED, TOLD, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.survival import until
from tests.faults.survival.traces import nothing_is_left, timeline
from tests.running_system import System

GOAL_S = 10.0
"""From Letta being ready again until the answer sounds; how long Letta starts is its own."""
STARTS_WITHIN_S = 90.0
ENDS_WITHIN_S = 10.0
ALSO = "my name is robert"
MOMENT, STILL = "I need a moment", "My memory is not back yet"
SHORT_PATIENCE_S = 4


def test_killed(
    faulty: System,
    new_survival: NewSurvival,
    full: bool,
    times: int,
) -> None:
    survival = new_survival("Letta killed (-9), the caller asks", GOAL_S)
    for _ in range(times):
        if full:
            stable(faulty, "letta")
        with Call(faulty) as call:
            before = tells(call)
            answers = times_answered(call)
            with kept_away(faulty):  # by itself it is back before anybody notices
                asks_for_patience(call, ASKED)
            is_ready(faulty)
            with survival.recovering():
                answers_again(call, answers)
            call.quiet()
            assert ANSWER in replies(call)[-1], replies(call)
            assert call.told("think", "back"), "the wait has an end on the timeline"
            assert not call.told("think", "error")
            before.is_the_same_agent()
        memory = nothing_is_left(faulty, call)
        memory.held_once(TOLD, ASKED)
        assert not any(MOMENT in each for each in memory.assistant), memory.assistant
    survival.survived()


# The other outages, played to the agent: the tests of its recovery from a Letta that is away.
@pytest.mark.long
def test_restarted_while_more_is_said(
    faulty: System, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("./restart_voice_system.sh letta, the caller goes on", GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            tells(call)
            answers = times_answered(call)
            with restarting(faulty, "letta"):
                until(lambda: program(faulty, "letta") is None, "Letta ends", ENDS_WITHIN_S)
                call.begins_to_answer(ALSO)  # and is interrupted
                call.say(ASKED)
                call.until(lambda caller: len(told(caller, "waiting")) == 2)
                call.quiet()
                is_ready(faulty)
            with survival.recovering():
                answers_again(call, answers)
            call.quiet()
            assert ANSWER in replies(call)[-1], replies(call)
            assert len(replies(call)) == 2, replies(call)
        nothing_is_left(faulty, call).held_once(TOLD, ALSO, ASKED)
    survival.survived()


@pytest.mark.long
def test_the_caller_hangs_up_and_another_calls(
    faulty: System, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("Letta is away at the beginning of a call", GOAL_S)
    for _ in range(times):
        with ExitStack() as away:
            away.enter_context(kept_away(faulty))
            with Call(faulty) as gone:
                gone.listening()
                gone.until(lambda caller: bool(told(caller, "waiting")))
            wait_until_calls_are_over(faulty)
            until(lambda: end_of_job(faulty, gone), "the end of the job is told", ENDS_WITHIN_S)
            assert end_of_job(faulty, gone) == [0]
            with Call(faulty) as call:
                call.listening()
                call.until(lambda caller: bool(told(caller, "waiting")))
                speaks_again(call, 0)
                call.quiet()
                asks_for_patience(call, TOLD, STILL)
                away.close()
                is_ready(faulty)
                with survival.recovering():
                    answers_again(call, 0)
                call.quiet()
                assert ANSWER in replies(call)[-1], replies(call)
                call.answered(ASKED, spoken=True)
            nothing_is_left(faulty, call).held_once(TOLD, ASKED)
    survival.survived()


@pytest.mark.long
def test_gone_for_good(faulty: System, new_survival: NewSurvival, new_fault: NewFault) -> None:
    survival = new_survival("Letta does not come back", None)
    fault = new_fault("system", "letta-down", "Letta is killed in a call, its launcher is stopped")
    with another_patience(faulty, SHORT_PATIENCE_S), Call(faulty) as call:
        tells(call)
        with kept_away(faulty):
            fault.breaks()
            fault.named(call.ask)
            spoken = times_spoken(call)
            call.say(ASKED)
            speaks_again(call, spoken + 1)  # that it needs a moment, then that it was in vain
            call.quiet()
            assert "letta_unreachable" in {each["code"] for each in call.told("think", "error")}
        is_ready(faulty)
        call.answered("hello", spoken=True)
        fault.cleared(call.ask)
    nothing_is_left(faulty, call).held_once(TOLD, ASKED, "hello")
    survival.lost(f"the answer, after {SHORT_PATIENCE_S} s of patience; not the question")
    survival.survived()


def end_of_job(system: System, call: Call) -> list[int]:
    """With which code the processes of the call's jobs have ended."""
    return [each["exit_code"] for each in timeline(system, call.room, "job.process_ended")]


@contextmanager
def kept_away(system: System) -> Iterator[None]:
    """Letta is killed, and started again when this block ends."""
    with suspended_launcher(system, "letta"):
        kill(system, "letta")
        yield


@contextmanager
def another_patience(system: System, seconds: float) -> Iterator[None]:
    """The worker has another LETTA_PATIENCE."""
    overrides = {**system.overrides, "LETTA_PATIENCE": str(seconds)}
    System(system.home, system.root, overrides).command("agent")
    try:
        yield
    finally:
        system.command("agent")


def is_ready(system: System) -> None:
    """Return when the Letta that runs now is ready: its launcher may tell of the one before."""

    def ready() -> bool:
        return program(system, "letta") is not None and system.status("letta")["state"] == "ready"

    until(ready, "Letta is ready", STARTS_WITHIN_S)


def asks_for_patience(call: Call, words: str, how: str = MOMENT) -> None:
    """Say something that is not answered, but heard."""
    call.answered(words, spoken=True)
    assert how in call.caller.turns[-1].reply, call.caller.turns[-1].reply
    call.quiet()


def times_spoken(call: Call) -> int:
    return len(call.told("play", "speaking"))


def speaks_again(call: Call, spoken: int) -> None:
    """Return when the agent has begun to speak more often than this."""
    call.until(lambda _: times_spoken(call) > spoken)


def times_answered(call: Call) -> int:
    """How many of Letta's replies have begun to sound; excuses and pleas for patience are none."""
    written = {each["turn"] for each in call.told("think", "first_token")}
    return len(written & {each.get("turn") for each in call.told("speak", "first_byte")})


def answers_again(call: Call, answers: int) -> None:
    """Return when Letta has answered more often than this; it may have, a quick one is back while
    the agent still says that it needs a moment."""
    call.until(lambda _: times_answered(call) > answers)


def replies(call: Call) -> list[str]:
    """What Letta wrote, as far as it is spoken."""
    return [str(each["reply"]).lower() for each in call.told("play", "turn") if each["reply"]]


def told(caller: Caller, name: str) -> list[dict[str, Any]]:
    return [each["data"] for each in caller.events if each["name"] == name]
