"""The agent's mind: deleted, failing, slow, without its model, or caught in a tool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from letta_client import Letta

from tests.faults.call import Call
from tests.faults.conftest import NewFault, again
from tests.faults.injected import broken_letta_database, models_fail, wait_until_calls_are_over
from tests.running_system import System

TOOL_THAT_HANGS = '''
def wait_for_godot() -> str:
    """Wait for somebody who does not come.

    Returns:
        str: Who came.
    """
    import time
    time.sleep(25)
    return "nobody"
'''


@pytest.fixture(scope="module")
def letta(faulty: System) -> Iterator[Letta]:
    with Letta(base_url=faulty.letta_url, api_key="none") as client:
        yield client


@contextmanager
def an_agent(faulty: System, letta: Letta, name: str) -> Iterator[str]:
    """The id of a Letta agent of its own, deleted afterwards if it is still there."""
    made = httpx.post(f"{faulty.proxy_url}/api/agents", json={"name": name}, timeout=60)
    agent_id = str(made.raise_for_status().json()["agent"]["id"])
    try:
        yield agent_id
    finally:
        if any(each.id == agent_id for each in letta.agents.list()):
            letta.agents.delete(agent_id)


def test_the_letta_agent_is_deleted(faulty: System, letta: Letta, new_fault: NewFault) -> None:
    fault = new_fault("think", "agent-deleted", "DELETE of the Letta agent during its call")
    with an_agent(faulty, letta, "Deleted") as agent_id:
        with Call(faulty, agent_id=agent_id) as call:
            call.listening()
            letta.agents.delete(agent_id)
            call.type("hello")
            fault.breaks()
            verdict = fault.named(call.ask)
            assert agent_id in str(verdict["evidence"]), verdict
            room = call.room
        wait_until_calls_are_over(faulty)
        with Call(faulty, room=room) as call:  # with another agent
            call.listening()
            call.answered("hello")
            fault.cleared(call.ask)


def test_letta_answers_with_errors(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("think", "letta-errors", "a table is missing in Letta's database")
    with Call(faulty) as call:
        call.listening()
        with broken_letta_database(faulty):
            call.type("hello")
            fault.breaks()
            fault.named(call.ask)
        call.answered("hello again")
        fault.cleared(call.ask)


def test_no_first_token_in_time(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("think", "no-first-token", "the chat model waits 25 s before it answers")
    with Call(faulty) as call:
        call.listening()
        with models_fail(faulty, "chat", delay_s=25):
            call.type("hello")
            fault.breaks()
            fault.named(call.ask)
        call.answered("hello again")
        fault.cleared(call.ask)


@pytest.mark.parametrize(
    ("told", "how"),
    [again("resets every connection", {"reset": True}), ("answers 500", {"status": 500})],
)
def test_the_model_is_unreachable(
    faulty: System, new_fault: NewFault, told: str, how: dict[str, object]
) -> None:
    fault = new_fault("think", "model-unreachable", f"the chat model {told}")
    with Call(faulty) as call:
        call.listening()
        with models_fail(faulty, "chat", **how):
            call.type("hello")
            fault.breaks()
            fault.named(call.ask)
        call.answered("hello again")
        fault.cleared(call.ask)


def test_a_tool_does_not_return(faulty: System, letta: Letta, new_fault: NewFault) -> None:
    fault = new_fault("think", "tool-hangs", "a Letta tool that sleeps is attached and called")
    tool = letta.tools.create(source_code=TOOL_THAT_HANGS)
    try:
        with an_agent(faulty, letta, "Waiting") as agent_id:
            letta.agents.tools.attach(tool.id, agent_id=agent_id)
            with Call(faulty, agent_id=agent_id) as call:
                call.listening()
                call.type("use the tool wait_for_godot")
                call.until(lambda _: bool(call.told("think", "tool_call")))
                fault.breaks()
                verdict = fault.named(call.ask)
                assert "wait_for_godot" in verdict["sentence"], verdict
                call.answered("hello again")
                fault.cleared(call.ask)
    finally:
        letta.tools.delete(tool.id)
