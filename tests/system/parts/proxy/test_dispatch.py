"""Dispatching against a real LiveKit server and a worker that speaks the real protocol."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from livekit import api

from proxy.dispatch import decision, reconciler
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.letta_server import AGENT, LettaServer
from tests.fast.proxy.worker import TinyWorker
from tests.system.parts.proxy.conftest import LiveKit, halted

DEADLINE_S = 10.0


async def become(proxy: Proxy, room: str, state: str) -> dict[str, Any]:
    """What the proxy says of `room` once its state is `state`."""
    status: dict[str, Any] = {}

    async def has_become() -> bool:
        status.update((await proxy.get(f"/api/dispatch-agent/{room}")).json)
        return bool(status["state"] == state)

    await soon(has_become)
    return status


async def soon(happened: Callable[[], Awaitable[bool]]) -> None:
    """Return when `happened`, which can only be asked."""
    async with asyncio.timeout(DEADLINE_S):
        while not await happened():  # noqa: ASYNC110 - nothing there could set an event
            await asyncio.sleep(0.02)


async def no_agent(server: api.LiveKitAPI, room: str) -> bool:
    return not await agents(server, room)


async def dispatches(server: api.LiveKitAPI, room: str) -> list[str]:
    found = await server.agent_dispatch.list_dispatch(room)
    return [dispatch.id for dispatch in found if dispatch.agent_name]


async def agents(server: api.LiveKitAPI, room: str) -> list[str]:
    found = await server.room.list_participants(api.ListParticipantsRequest(room=room))
    return [p.identity for p in found.participants if p.kind == p.AGENT]


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a poll that happens every second."""
    monkeypatch.setattr(reconciler, "POLL_S", 0.1)
    monkeypatch.setattr(reconciler, "POLL_WORKER_S", 0.1)
    monkeypatch.setattr(decision, "TAKEN_S", 1.0)
    monkeypatch.setattr(decision, "CLOCKS_S", 0.1)


@pytest.fixture
async def proxy(start_proxy: StartProxy, livekit: LiveKit, worker: TinyWorker) -> Proxy:
    """A proxy that gets the server's webhooks and asks the test's worker."""
    return await start_proxy(
        livekit_url=livekit.url, agent_url=worker.status_url, proxy_port=livekit.webhook_port
    )


async def test_a_dispatch_brings_the_agent(
    proxy: Proxy, worker: TinyWorker, room: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await worker.start()
    answer = await proxy.dispatch(room)
    assert answer.status == 200
    assert answer.json == {
        "success": True,
        "room": room,
        "message": f"Agent 'letta-voice-agent' was asked to join room {room}. "
        "The room did not exist: this created it.",
        "dispatch_id": answer.json["dispatch_id"],
    }
    status = await become(proxy, room, "joined")
    assert status["dispatch_id"] == answer.json["dispatch_id"]
    assert status["joined_at"] > status["dispatched_at"] - 1  # the server counts whole seconds
    assert f"Attempting to dispatch agent to room: {room}" in caplog.messages
    assert any(m.startswith(f"Agent dispatch initiated for room: {room}") for m in caplog.messages)
    assert worker.metadata == ["{}"]


async def test_a_fault_is_asked_for_only_where_faults_are_allowed(
    start_proxy: StartProxy, livekit: LiveKit, worker: TinyWorker, room: str
) -> None:
    await worker.start()
    wanted = {"livekit_url": livekit.url, "agent_url": worker.status_url}
    strict = await start_proxy(**wanted)
    refused = await strict.dispatch(room, fault="raise")
    assert (refused.status, refused.json["error"]) == (400, "FAULTS_NOT_ENABLED")
    assert worker.metadata == []
    lenient = await start_proxy(**wanted, faults_enabled=True)
    assert (await lenient.dispatch(room, fault="raise")).status == 200
    await become(lenient, room, "joined")
    assert [json.loads(one) for one in worker.metadata] == [{"fault": "raise"}]


async def test_settings_of_the_call_go_with_the_dispatch(
    proxy: Proxy, worker: TinyWorker, room: str
) -> None:
    await worker.start()
    settings = {"vad_threshold": 0.7, "interruption_enabled": False}
    assert (await proxy.dispatch(room, settings=settings)).status == 200
    await become(proxy, room, "joined")
    assert [json.loads(one) for one in worker.metadata] == [{"settings": settings}]
    other = await proxy.dispatch(room, settings={"vad_threshold": 0.6})
    assert "sent with other settings" in other.json["message"]
    same = await proxy.dispatch(room, settings=settings)
    assert "other settings" not in same.json["message"]


IMPOSSIBLE: list[tuple[Any, tuple[str, ...]]] = [
    ({"vad_threshold": 2}, ("vad_threshold", "is 2", "from 0.01 to 0.99")),
    ({"vad_min_speech": "0.1"}, ("vad_min_speech", "'0.1'", "from 0.01 to 2")),
    ({"interruption_enabled": 1}, ("interruption_enabled", "is 1", "true or false")),
    ({"letta_base_url": "http://x"}, ("letta_base_url", "there are: vad_threshold")),
    ({"endpointing_min_delay": 5}, ("endpointing_min_delay", "5", "1.5")),
    (["vad_threshold"], ("settings", "dictionary")),
]


async def test_settings_that_no_call_can_have_are_refused(
    proxy: Proxy, worker: TinyWorker, room: str
) -> None:
    await worker.start()
    for settings, words in IMPOSSIBLE:
        answer = await proxy.dispatch(room, settings=settings)
        assert answer.status == 400
        assert all(word in answer.json["message"] for word in words), answer.json
    assert worker.metadata == []


async def test_two_requests_at_once_bring_one_agent(
    proxy: Proxy, worker: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    await worker.start()
    answers = await asyncio.gather(*(proxy.dispatch(room) for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["dispatch_id"] for answer in answers}) == 1
    said = sorted(answer.json["message"] for answer in answers)
    assert said[0].startswith("Agent 'letta-voice-agent' was asked")
    assert all("already on its way" in message for message in said[1:])
    await become(proxy, room, "joined")
    again = await proxy.dispatch(room)
    assert "already in room" in again.json["message"]
    assert again.json["dispatch_id"] == answers[0].json["dispatch_id"]
    assert await dispatches(server, room) == [answers[0].json["dispatch_id"]]
    assert len(await agents(server, room)) == 1
    assert len(worker.metadata) == 1


async def test_a_worker_that_registers_late_gets_the_dispatch(
    proxy: Proxy, worker: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    await server.room.create_room(api.CreateRoomRequest(name=room))
    answer = await proxy.dispatch(room, agent_id="agent-x")
    assert answer.status == 503
    assert answer.json["error"] == "AGENT_NOT_REGISTERED"
    assert "No agent worker is registered as 'letta-voice-agent'" in answer.json["message"]
    assert "by itself as soon as" in answer.json["message"]
    assert (await become(proxy, room, "waiting_for_worker"))["dispatch_id"] is None
    await worker.start()
    await become(proxy, room, "joined")
    assert [json.loads(m) for m in worker.metadata] == [{"agent_id": "agent-x"}]
    assert len(await dispatches(server, room)) == 1


@pytest.fixture
async def stranger(worker: TinyWorker, server: api.LiveKitAPI, room: str) -> TinyWorker:
    """The worker under another name, with a room to come into."""
    await server.room.create_room(api.CreateRoomRequest(name=room))
    worker.name = "somebody-else"
    await worker.start()
    return worker


async def test_a_worker_of_another_name_is_told_apart(
    proxy: Proxy, stranger: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    answer = await proxy.dispatch(room)
    assert answer.status == 409
    assert answer.json["error"] == "AGENT_NAME_MISMATCH"
    assert "'somebody-else'" in answer.json["message"]
    assert "'letta-voice-agent'" in answer.json["message"]
    assert await dispatches(server, room) == []
    await stranger.vanish()
    stranger.name = "letta-voice-agent"
    await stranger.register()
    await become(proxy, room, "joined")


async def test_another_agent_is_asked_for_by_its_name(
    proxy: Proxy, stranger: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    asked = {"agent_name": "somebody-else", "metadata": '{"plan": "pro"}'}
    first = await proxy.dispatch(room, **asked)
    assert first.status == 200, first.json
    assert "'somebody-else' was asked to join" in first.json["message"]
    again = await proxy.dispatch(room, **asked)
    assert again.json["dispatch_id"] == first.json["dispatch_id"]
    assert "already" in again.json["message"]
    assert await dispatches(server, room) == [first.json["dispatch_id"]]
    async with asyncio.timeout(DEADLINE_S):
        await stranger.joined.wait()
    assert stranger.metadata == ['{"plan": "pro"}']
    for wrong, word in (
        ({"agent_name": "somebody-else", "settings": {"vad_threshold": 0.5}}, "'metadata'"),
        ({"metadata": "x"}, "'agent_id'"),
    ):
        refused = await proxy.dispatch(room, **wrong)
        assert (refused.status, refused.json["error"]) == (400, "INVALID_REQUEST")
        assert word in refused.json["message"]


async def test_a_waiting_dispatch_ends_with_its_room(
    proxy: Proxy, worker: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    await server.room.create_room(api.CreateRoomRequest(name=room))
    assert (await proxy.dispatch(room)).status == 503
    await server.room.delete_room(api.DeleteRoomRequest(room=room))
    assert (await become(proxy, room, "none"))["message"] == "The room has ended."
    await worker.start()
    # A room asked for later gets its agent: by then the ended one would have had its own.
    await proxy.dispatch(f"{room}-later")
    await become(proxy, f"{room}-later", "joined")
    assert len(worker.metadata) == 1


async def test_an_agent_that_does_not_join_raises_the_alarm(
    start_proxy: StartProxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy = await start_proxy(
        livekit_url=livekit.url, agent_url=worker.status_url, agent_join_timeout=0.5
    )
    worker.joins = False
    await worker.start()
    dispatch_id = (await proxy.dispatch(room)).json["dispatch_id"]
    status = await become(proxy, room, "not_joined")
    assert "did not join within 0.5 s" in status["message"]
    (alarm,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    text = alarm.getMessage()
    assert text.startswith(
        f"CRITICAL: dispatch succeeded but agent did not join room {room} within 0.5 s."
    )
    assert dispatch_id in text
    assert "registered as 'letta-voice-agent'" in text
    assert "in the room: nobody" in text


async def test_a_room_whose_dispatches_were_all_refused_gets_its_agent_in_the_end(
    start_proxy: StartProxy,
    livekit: LiveKit,
    worker: TinyWorker,
    server: api.LiveKitAPI,
    room: str,
) -> None:
    proxy = await start_proxy(
        livekit_url=livekit.url, agent_url=worker.status_url, agent_join_timeout=0.5
    )
    worker.takes_jobs = False
    await worker.start()
    await proxy.dispatch(room)
    await become(proxy, room, "not_joined")
    worker.takes_jobs = True
    await become(proxy, room, "joined")
    assert len(await agents(server, room)) == 1


async def test_a_worker_that_vanishes_before_joining_gets_another_dispatch(
    proxy: Proxy, worker: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    worker.joins = False
    await worker.start()
    first = (await proxy.dispatch(room)).json["dispatch_id"]
    await asyncio.wait_for(worker.joined.wait(), DEADLINE_S)
    await worker.vanish()
    await become(proxy, room, "waiting_for_worker")
    worker.joins = True
    await worker.register()
    status = await become(proxy, room, "joined")
    assert status["dispatch_id"] != first
    assert await dispatches(server, room) == [status["dispatch_id"]]
    assert len(await agents(server, room)) == 1


async def test_the_next_call_in_a_room_gets_an_agent_of_its_own(
    proxy: Proxy, worker: TinyWorker, server: api.LiveKitAPI, room: str
) -> None:
    await worker.start()
    first = (await proxy.dispatch(room, agent_id="agent-a")).json["dispatch_id"]
    await become(proxy, room, "joined")
    await worker.leave(room)
    await soon(lambda: no_agent(server, room))
    second = (await proxy.dispatch(room, agent_id="agent-b")).json["dispatch_id"]
    assert second != first
    await become(proxy, room, "joined")
    assert await dispatches(server, room) == [second]
    assert [json.loads(m)["agent_id"] for m in worker.metadata] == ["agent-a", "agent-b"]


async def test_another_letta_agent_in_the_same_call_is_not_brought_but_said(
    proxy: Proxy, worker: TinyWorker, room: str
) -> None:
    await worker.start()
    await proxy.dispatch(room, agent_id="agent-a")
    await become(proxy, room, "joined")
    message = (await proxy.dispatch(room, agent_id="agent-b")).json["message"]
    assert "It was sent with Letta agent agent-a, not agent-b" in message
    assert len(worker.metadata) == 1


async def test_without_the_check_no_worker_is_asked(
    start_proxy: StartProxy, livekit: LiveKit, server: api.LiveKitAPI, room: str
) -> None:
    proxy = await start_proxy(livekit_url=livekit.url, agent_check=False)
    answer = await proxy.dispatch(room)
    assert answer.status == 200
    assert await dispatches(server, room) == [answer.json["dispatch_id"]]
    assert (await proxy.get(f"/api/dispatch-agent/{room}")).json["worker"] is None


async def test_the_letta_agent_is_checked_when_letta_answers(
    start_proxy: StartProxy, livekit: LiveKit, worker: TinyWorker, letta: LettaServer, room: str
) -> None:
    await worker.start()
    proxy = await start_proxy(
        livekit_url=livekit.url, agent_url=worker.status_url, letta_base_url=letta.url
    )
    unknown = await proxy.dispatch(room, agent_id="agent-unknown")
    assert (unknown.status, unknown.json["error"]) == (404, "UNKNOWN_AGENT")
    assert "'agent-unknown'" in unknown.json["message"]
    known = await proxy.dispatch(room, agent_id=AGENT["id"])
    assert known.status == 200
    assert "could not be checked" not in known.json["message"]
    await letta.aclose()
    unchecked = await proxy.dispatch(f"{room}-2", agent_id="agent-other")
    assert unchecked.status == 200
    assert (
        f"agent-other could not be checked: Letta at {letta.url} cannot be"
        in unchecked.json["message"]
    )


async def test_a_server_that_is_down_or_refuses_is_said(
    start_proxy: StartProxy, livekit: LiveKit, room: str
) -> None:
    down = await (await start_proxy(agent_check=False)).dispatch(room)
    assert (down.status, down.json["error"]) == (503, "LIVEKIT_UNREACHABLE")
    assert "connection refused" in down.json["message"]
    wrong = await start_proxy(
        livekit_url=livekit.url, livekit_api_secret="w" * 40, agent_check=False
    )
    refused = await wrong.dispatch(room)
    assert (refused.status, refused.json["error"]) == (502, "LIVEKIT_CREDENTIALS_REJECTED")
    missing = await (await start_proxy(livekit_api_key=None, agent_check=False)).dispatch(room)
    assert (missing.status, missing.json["error"]) == (503, "LIVEKIT_CREDENTIALS_MISSING")


async def test_a_server_that_hangs_is_given_up_and_nothing_is_dispatched_later(
    start_proxy: StartProxy, livekit: LiveKit, server: api.LiveKitAPI, room: str
) -> None:
    proxy = await start_proxy(livekit_url=livekit.url, agent_check=False, livekit_timeout=0.1)
    with halted(livekit.pid):
        answer = await asyncio.wait_for(proxy.dispatch(room), DEADLINE_S)
    assert (answer.status, answer.json["error"]) == (503, "LIVEKIT_TIMEOUT")
    assert not (await server.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms


async def test_a_failure_that_passes_is_tried_again(
    start_proxy: StartProxy,
    livekit: LiveKit,
    room: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy = await start_proxy(livekit_url=livekit.url, agent_check=False, livekit_timeout=0.1)
    with halted(livekit.pid):
        waiting = asyncio.create_task(proxy.dispatch(room))

        async def first_try_failed() -> bool:
            return any(f"Try 1 of 3 for room {room} failed" in m for m in caplog.messages)

        await soon(first_try_failed)
    assert (await waiting).status == 200


async def test_a_room_nobody_asked_for(proxy: Proxy, room: str) -> None:
    status = (await proxy.get(f"/api/dispatch-agent/{room}")).json
    assert (status["state"], status["room_exists"], status["agents"]) == ("none", False, [])


async def test_a_room_with_a_slash_and_spaces(proxy: Proxy, worker: TinyWorker) -> None:
    await worker.start()
    assert (await proxy.dispatch("a/b c")).status == 200
    assert (await become(proxy, "a%2Fb%20c", "joined"))["room"] == "a/b c"
