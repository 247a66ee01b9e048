"""The process of a call's job is killed: another agent goes on with the same conversation."""

from __future__ import annotations

import pytest

from tests.faults.call import Call
from tests.faults.injected import job_process
from tests.faults.survival.color import ASKED, LONG, TOLD, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.traces import agents_in, nothing_is_left
from tests.running_system import System

GOAL_S = 5.0


def test_killed_while_the_caller_speaks(
    faulty: System, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("job process killed (-9) while the caller speaks", GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            before = tells(call)
            call.begin_to_say(LONG)
            job_process(faulty).kill()
            with survival.recovering():
                call.until(before.another_listens)
            call.quiet()
            is_remembered(call)
            before.goes_on_in_the_same_conversation()
            assert len(agents_in(faulty, call.room)) == 1
        nothing_is_left(faulty, call).held_once(TOLD, ASKED)
    survival.lost("the sentence being spoken")
    survival.survived()


@pytest.mark.long
def test_killed_while_the_agent_speaks(
    faulty: System, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("job process killed (-9) while the agent speaks", GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            before = tells(call)
            call.begins_to_answer(ASKED)
            job_process(faulty).kill()
            with survival.recovering():
                call.until(before.another_listens)
            is_remembered(call)
            before.goes_on_in_the_same_conversation()
            assert len(agents_in(faulty, call.room)) == 1
        memory = nothing_is_left(faulty, call)
        memory.held_once(TOLD)
        asked = [each for each in memory.user if each.lower().startswith(ASKED)]
        assert len(asked) == 2, memory.user  # it was asked twice
    survival.lost("the rest of the reply being spoken")
    survival.survived()
