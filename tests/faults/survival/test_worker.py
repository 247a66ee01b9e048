"""The whole worker dies, or is restarted, during a call: the next one goes on with the call."""

from __future__ import annotations

import psutil
import pytest

from tests.faults.call import Call
from tests.faults.processes import kill, program, restarting
from tests.faults.survival.color import ASKED, LONG, TOLD, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.survival import until
from tests.faults.survival.traces import Before, agents_in, nothing_is_left
from tests.running_system import System

GOAL_S = 10.0
GONE_WITHIN_S = 10.0


def test_killed(faulty: System, new_survival: NewSurvival, times: int) -> None:
    survival = new_survival("whole worker killed (-9) while the caller speaks", GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            before = tells(call)
            old = worker_and_its_processes(faulty)
            call.begin_to_say(LONG)
            kill(faulty, "agent")
            with survival.recovering():
                call.until(before.another_listens)
            goes_on(faulty, call, before)
            nothing_lives_of(old)
        nothing_is_left(faulty, call).held_once(TOLD, ASKED)
    survival.lost("the sentence being spoken")
    survival.survived()


# A restart by hand is in tests/system/test_restart.py; a worker that ends in a call, in
# tests/system/test_agent.py.
@pytest.mark.long
def test_restarted(faulty: System, new_survival: NewSurvival, times: int) -> None:
    survival = new_survival("./restart_voice_system.sh agent while the caller speaks", GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            before = tells(call)
            old = worker_and_its_processes(faulty)
            call.begin_to_say(LONG)
            with survival.recovering(), restarting(faulty, "agent"):
                call.until(before.another_listens)
            goes_on(faulty, call, before)
            nothing_lives_of(old)
        nothing_is_left(faulty, call).held_once(TOLD, ASKED)
    survival.lost("the sentence being spoken")
    survival.survived()


def goes_on(system: System, call: Call, before: Before) -> None:
    """The conversation goes on, with one agent."""
    call.quiet()
    is_remembered(call)
    before.goes_on_in_the_same_conversation()
    assert len(agents_in(system, call.room)) == 1


def worker_and_its_processes(system: System) -> list[psutil.Process]:
    worker = program(system, "agent")
    assert worker is not None
    return [worker, *worker.children(recursive=True)]


def nothing_lives_of(processes: list[psutil.Process]) -> None:
    def gone() -> bool:
        dead = psutil.STATUS_ZOMBIE
        return not [each for each in processes if each.is_running() and each.status() != dead]

    until(gone, f"these are gone: {processes}", GONE_WITHIN_S)
