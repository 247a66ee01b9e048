"""The agent in the room: it leaves, or takes long to come."""

from __future__ import annotations

import pytest

from tests.faults.call import Call
from tests.faults.conftest import NewFault
from tests.faults.injected import remove_agent
from tests.running_system import System


def test_the_agent_leaves_by_itself(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("join", "agent-left", "the job leaves the room soon after it joined")
    with Call(faulty, fault="leave") as call:
        call.until(lambda caller: caller.agent_count == 1)
        call.until(lambda caller: caller.agent_count == 0)
        fault.breaks()
        fault.named(call.ask)
        call.dispatch_again()
        fault.cleared(call.ask)


@pytest.mark.long  # the cause is injected in another way, too, and is among the recorded histories
def test_the_agent_is_removed(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("join", "agent-left", "RemoveParticipant of the SFU on the agent")
    with Call(faulty) as call:
        call.listening()
        remove_agent(faulty, call.room)
        call.until(lambda caller: caller.agent_count == 0)
        fault.breaks()
        fault.named(call.ask)
        call.dispatch_again()
        fault.cleared(call.ask)


def test_the_agent_is_slow_to_join(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("join", "slow-to-join", "the job's resources take many seconds to be ready")
    with Call(faulty, fault="slow_bootstrap") as call:
        fault.breaks()
        verdict = fault.named(call.ask, state="waiting")
        assert verdict["usual_ms"], verdict
        assert " s" in verdict["sentence"], f"no time is told: {verdict['sentence']}"
        call.listening()
        fault.cleared(call.ask)
