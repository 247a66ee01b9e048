"""Each process stands still for a while during a call (SIGSTOP), and goes on: so does the call."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from tests.faults.call import Call
from tests.faults.checkouts import of_doctor
from tests.faults.fault import BUSY_WITHIN_S, NAMED_WITHIN_S, Ask
from tests.faults.injected import job_process, still
from tests.faults.processes import program
from tests.faults.survival.bookkeeping import is_complete, is_well
from tests.faults.survival.color import ANSWER, ASKED, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.survival import BUSY_FACTOR, BUSY_PERCENT, until
from tests.faults.survival.traces import Before, agents_in, timeline
from tests.running_system import System

STILL_S, STILL_FULL_S = 5.0, 10.0
RECOVERED_S = 10.0
LATE_S = 10.0
"""Within which something said meanwhile is answered, if at all."""
GIVEN_UP = ("job.process_ended", "dispatch.again", "dispatch.gave_up")
PROGRAMS = ("livekit", "models", "letta", "agent", "proxy")

Find = Callable[[System], list[psutil.Process]]


def the_program(name: str) -> Find:
    def find(system: System) -> list[psutil.Process]:
        found = program(system, name)
        assert found is not None, f"{name} does not run"
        return [found]

    return find


def the_launcher(name: str) -> Find:
    def find(system: System) -> list[psutil.Process]:
        told = system.status(name)["launcher"]
        assert isinstance(told, dict)
        return [psutil.Process(told["pid"])]

    return find


def the_job(system: System) -> list[psutil.Process]:
    return [job_process(system)]


BRIEF = "the job's process"
FIND: dict[str, Find] = {
    BRIEF: the_job,
    "livekit-server": the_program("livekit"),
    "Letta's server": the_program("letta"),
    "the proxy": the_program("proxy"),
    "the models server": the_program("models"),
    "the worker's main process": the_program("agent"),
    **{f"the launcher of {name}": the_launcher(name) for name in PROGRAMS},
}


# In the short form a verdict names a frozen program in tests/faults/test_system_processes.py.
@pytest.mark.parametrize(
    "what", [BRIEF, *(pytest.param(name, marks=pytest.mark.long) for name in FIND if name != BRIEF)]
)
def test_a_process_stands_still(
    faulty: System, new_survival: NewSurvival, full: bool, what: str
) -> None:
    seconds = STILL_FULL_S if full else STILL_S
    survival = new_survival(f"{what} stands still for {seconds:g} s", RECOVERED_S)
    with Call(faulty) as call:
        tells(call)
        before, turns = Before(call), len(call.told("play", "turn"))
        stopped = FIND[what](faulty)
        ask = of_doctor(faulty) if what == "the proxy" else call.ask
        with still(*stopped):
            goes_on_at = time.monotonic() + seconds
            call.say_meanwhile(ASKED)
            named(ask, [each.pid for each in stopped])
            time.sleep(max(0.0, goes_on_at - time.monotonic()))  # for so long it stands still
        began = time.monotonic()
        if not is_answered(call, turns):
            survival.lost("what was said meanwhile")
            began = time.monotonic()  # how long one waits for a lost answer says nothing
            said_again(call)
        survival.took(time.monotonic() - began)
        call.quiet()
        said_again(call)  # a word may be misheard
        before.is_the_same_agent()
        assert len(agents_in(faulty, call.room)) == 1
        is_complete(faulty, call)
        given_up = {topic: timeline(faulty, call.room, topic) for topic in GIVEN_UP}
        assert not any(given_up.values()), given_up
        is_well(call)
    survival.survived()


def is_answered(call: Call, turns: int) -> bool:
    """Whether the answer to what was said meanwhile is heard, late as it may be; only a part of
    the words may have arrived, which is answered otherwise."""
    with suppress(AssertionError):
        until(lambda: len(call.told("play", "turn")) > turns, "an answer", LATE_S)
    since = call.told("play", "turn")[turns:]
    return any(ANSWER in str(each["heard"]).lower() for each in since)


def said_again(call: Call) -> None:
    """Say it once more, and again only when that has come to nothing: an answer that is late on a
    busy machine must not be interrupted."""
    for _ in range(3):
        turn = call.turn(ASKED, within_s=RECOVERED_S * BUSY_FACTOR)
        if ANSWER in turn.reply.lower():
            return
    raise AssertionError(f"no answer: {call.caller.turns[-3:]}")


def named(ask: Ask, pids: list[int]) -> None:
    """Some verdict says within some seconds that one of these stands still."""
    began = time.monotonic()
    psutil.cpu_percent()
    while True:
        failing = [each for each in ask()["verdicts"] if each["state"] == "failing"]
        frozen = [each for each in failing if each["cause"] == "process-frozen"]
        if any(f"pid {pid} " in each["sentence"] for each in frozen for pid in pids):
            return
        took = time.monotonic() - began
        late = took > NAMED_WITHIN_S and psutil.cpu_percent() < BUSY_PERCENT
        assert not late and took < BUSY_WITHIN_S, f"{pids} is not named: {failing}"
        time.sleep(0.1)
