"""dispatch: to a name that nobody has, to nobody at all, too early, and twice."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
from livekit import api

from tests.faults.beside import beside
from tests.faults.call import Call
from tests.faults.conftest import NewFault
from tests.faults.processes import restarting
from tests.faults.proxies import OwnProxy
from tests.running_system import System
from tests.system.checkout import wait_for


def test_the_worker_has_another_name(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("dispatch", "agent-name-differs", "a proxy that dispatches another name")
    proxy = OwnProxy(faulty, tmp_path)
    with proxy.running(LIVEKIT_AGENT_NAME="somebody-else"):
        room = _room_with_dispatch(proxy.url)
        fault.breaks()
        sentence = fault.named(proxy.ask_room(room))["sentence"]
        assert "somebody-else" in sentence and faulty.agent_name in sentence, sentence
    with proxy.running():
        _dispatch(proxy.url, room)
        fault.cleared(proxy.ask_room(room))


def test_nobody_is_registered(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("dispatch", "no-worker-registered", "AGENT_CHECK=false, a name nobody has")
    proxy = OwnProxy(faulty, tmp_path)
    asked = replace(faulty, overrides={**faulty.overrides, "PROXY_PORT": str(proxy.port)})
    with ExitStack() as ends:
        with proxy.running(LIVEKIT_AGENT_NAME="nobody", AGENT_CHECK="false"):
            call = ends.enter_context(Call(asked))
            fault.breaks()
            assert "nobody" in fault.named(call.ask)["sentence"]
        with proxy.running():
            _dispatch(proxy.url, call.room)
            call.until(lambda caller: caller.agent_state == "listening")
            fault.cleared(call.ask)


def test_a_dispatch_before_the_worker_is_registered(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("dispatch", "dispatched-before-registration", "a call while it restarts")
    with restarting(faulty, "agent"):
        wait_for("the worker is away", lambda: faulty.status("agent")["state"] != "ready")
        with Call(faulty) as call:
            fault.breaks()
            fault.named(call.ask, state="waiting")
            call.until(lambda caller: caller.agent_state == "listening")
            fault.cleared(call.ask)


def test_the_page_asks_twice(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("dispatch", "second-dispatch", "POST /api/dispatch-agent twice")
    with Call(faulty) as call:
        call.listening()
        _dispatch(faulty.proxy_url, call.room)
        fault.breaks()
        fault.named(call.ask, state="ok")
        assert call.caller.agent_count == 1


def test_somebody_else_dispatches_a_second_agent(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("dispatch", "second-dispatch", "a dispatch straight to the server: 2 agents")
    with Call(faulty) as call:
        call.listening()
        second = beside(_dispatch_at_server(faulty, call.room))
        call.until(lambda caller: caller.agent_count == 2)
        fault.breaks()
        fault.named(call.ask)
        beside(_remove(faulty, call.room, second))
        fault.cleared(call.ask)


def test_nobody_has_asked_for_an_agent(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("dispatch", "nobody-asked", "a caller comes, and asks for no agent")
    with Call(faulty, asks=False) as call:
        fault.breaks()
        verdict = fault.named(call.ask)
        assert f"--room {call.room} --agent-name {faulty.agent_name}" in verdict["next"], verdict
        call.dispatch_again()
        fault.cleared(call.ask)


def test_somebody_else_asks_for_a_worker_that_is_not_there(
    faulty: System, new_fault: NewFault
) -> None:
    fault = new_fault("dispatch", "no-worker-registered", "lk dispatch create to “inbound-bot”")
    with Call(faulty, asks=False) as call:
        fault.breaks()
        dispatch = beside(_dispatch_at_server(faulty, call.room, "inbound-bot"))
        # The server may tell after 5 s that another's worker has taken it.
        verdict = fault.named(call.ask, within_s=7.0)
        assert "Somebody else has dispatched “inbound-bot”" in verdict["sentence"], verdict
        beside(_remove(faulty, call.room, dispatch))
        call.dispatch_again()
        fault.cleared(call.ask)


def _room_with_dispatch(proxy_url: str) -> str:
    """A room as the page makes it: a token, then a dispatch, whatever comes of it."""
    room = "room-of-the-test"
    httpx.post(f"{proxy_url}/api/token", json={"room": room}).raise_for_status()
    _dispatch(proxy_url, room)
    return room


def _dispatch(proxy_url: str, room: str) -> None:
    answer = httpx.post(f"{proxy_url}/api/dispatch-agent", json={"room": room}, timeout=15)
    assert answer.status_code in (200, 409, 503), answer.text


async def _dispatch_at_server(system: System, room: str, name: str = "") -> str:
    """The id of a dispatch that the proxy was not asked for, to the system's worker or another."""
    request = api.CreateAgentDispatchRequest(
        agent_name=name or system.agent_name, room=room, metadata=json.dumps({})
    )
    async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as server:
        return str((await server.agent_dispatch.create_dispatch(request)).id)


async def _remove(system: System, room: str, dispatch: str) -> None:
    """Remove the agent that this dispatch brought from its room."""
    async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as server:
        await server.agent_dispatch.delete_dispatch(dispatch, room)
