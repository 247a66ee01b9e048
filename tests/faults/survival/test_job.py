"""The process of a call's job is killed: another agent goes on with the same conversation."""

from __future__ import annotations

from dev.caller import Caller
from tests.faults.call import Call
from tests.faults.injected import job_process
from tests.faults.survival.conftest import NewSurvival
from tests.system import System

GOAL_S = 5.0


def test_the_job_process_is_killed(faulty: System, new_survival: NewSurvival, times: int) -> None:
    survival = new_survival("job process killed (-9) while the caller speaks", GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            call.listening()
            call.answered("my favorite color is green", spoken=True)
            conversation = call.told("join", "conversation")[-1]["conversation_id"]
            job_process(faulty).kill()

            def again(_: Caller, call: Call = call) -> bool:
                return len(call.told("job", "init_done")) > 1

            with survival.recovering():
                call.until(again)
            assert call.told("join", "conversation")[-1]["conversation_id"] == conversation
            call.answered("what is my favorite color", spoken=True)
            assert "green" in call.caller.turns[-1].reply.lower(), call.caller.turns[-1].reply
    survival.lost("the sentence being spoken")
    survival.survived()
