"""The agent's mind: deleted, failing, slow, without its model, or caught in a tool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from filelock import FileLock

from common.letta.app_server import AppServer
from tests.faults.beside import beside
from tests.faults.call import Call
from tests.faults.conftest import NewFault, again
from tests.faults.injected import broken_letta_memory, models_fail, wait_until_calls_are_over
from tests.running_system import System


@contextmanager
def an_agent(faulty: System, name: str) -> Iterator[str]:
    """The id of a Letta agent of its own, deleted afterwards if it is still there."""
    made = httpx.post(f"{faulty.proxy_url}/api/agents", json={"name": name}, timeout=60)
    agent_id = str(made.raise_for_status().json()["agent"]["id"])
    try:
        yield agent_id
    finally:
        beside(deleted(faulty, agent_id))


async def deleted(faulty: System, agent_id: str) -> None:
    """As Letta's own programs delete one."""
    async with faulty.letta() as backend:
        assert isinstance(backend, AppServer)
        if agent_id in [each.id for each in await backend.agents(100)]:
            await backend._ask("agent_delete", agent_id=agent_id)


def test_the_letta_agent_is_deleted(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("think", "agent-deleted", "the Letta agent is deleted during its call")
    with an_agent(faulty, "Deleted") as agent_id:
        with Call(faulty, agent_id=agent_id) as call:
            call.listening()
            beside(deleted(faulty, agent_id))
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
    fault = new_fault("think", "letta-errors", "the folder of Letta's conversations is none")
    with Call(faulty) as call:
        call.listening()
        with broken_letta_memory(faulty.home):
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


def test_a_tool_does_not_return(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("think", "tool-hangs", "the memory is being written by somebody else")
    with an_agent(faulty, "Waiting") as agent_id, Call(faulty, agent_id=agent_id) as call:
        call.listening()
        with FileLock(faulty.home / "letta-memory.lock"):
            call.type("my name is robert")
            call.until(lambda _: bool(call.told("think", "tool_call")))
            fault.breaks()
            verdict = fault.named(call.ask)
            assert "memory_insert" in verdict["sentence"], verdict
        call.answered("hello again")
        fault.cleared(call.ask)
