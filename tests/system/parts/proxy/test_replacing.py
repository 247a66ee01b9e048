"""An agent that died in a call is replaced, and not for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from proxy.dispatch import records, transition
from tests.fast.proxy.conftest import KEY, SECRET, Proxy, StartProxy, running_proxy
from tests.fast.proxy.timeline.conftest import agent_token
from tests.fast.proxy.worker import TinyWorker
from tests.system.parts.proxy.conftest import LiveKit
from tests.system.parts.proxy.test_dispatch import agents, become, quick_polls, soon

__all__ = ["quick_polls"]  # a fixture that is used by being here

SOME_POLLS_S = 1.0


@pytest.fixture
async def proxy(start_proxy: StartProxy, livekit: LiveKit, worker: TinyWorker) -> Proxy:
    return await start_proxy(
        livekit_url=livekit.url, agent_url=worker.status_url, proxy_port=livekit.webhook_port
    )


async def call(proxy: Proxy, livekit: LiveKit, worker: TinyWorker, room: str) -> str:
    """A caller and an agent in the room; the agent's identity."""
    await worker.start()
    await caller_joins(proxy, livekit, worker, room)
    answer = await proxy.dispatch(room, agent_id="agent-1234")
    assert answer.status == 200, answer.json
    return await the_agent(livekit, room)


async def caller_joins(proxy: Proxy, livekit: LiveKit, worker: TinyWorker, room: str) -> None:
    grants = api.VideoGrants(room_join=True, room=room)
    token = api.AccessToken(KEY, SECRET).with_identity("caller").with_grants(grants).to_jwt()
    async with proxy.session.post(
        f"{worker.joiner}/join", json={"url": livekit.url, "token": token}
    ) as response:
        assert response.status == 200


async def seen(caplog: pytest.LogCaptureFixture, identity: str) -> None:
    """Return once the proxy knows that the agent is there."""

    async def told() -> bool:
        return any(
            message.startswith(f"Agent {identity} is in room") for message in caplog.messages
        )

    await soon(told)


async def the_agent(livekit: LiveKit, room: str, *, besides: str = "") -> str:
    """The one agent of the room, once it is another than `besides`."""
    found: list[str] = []

    async def is_there() -> bool:
        async with api.LiveKitAPI(livekit.url, KEY, SECRET) as server:
            found[:] = await agents(server, room)
        return len(found) == 1 and found[0] != besides

    await soon(is_there)
    return found[0]


async def tell(proxy: Proxy, room: str, identity: str, **data: Any) -> None:
    """The worker reports the end of a job's process."""
    job = identity.removeprefix("agent-")
    ended = {"job_id": job, "exit_code": None, "signal": None, "reason": "", **data}
    await report(proxy, room, "process_ended", ended, f"{job}-ended")


async def report(proxy: Proxy, room: str, name: str, data: dict[str, Any], key: str) -> None:
    """The worker reports something; return when it is stored, with all that was before it."""
    event = {"at": time.time(), "stage": "job", "name": name, "data": data, "key": key}
    answer = await proxy.post(
        f"/api/rooms/{room}/events",
        {"events": [event]},
        headers={"Authorization": f"Bearer {agent_token(room)}"},
    )
    assert answer.status == 200, answer.json


async def test_an_agent_that_was_killed_is_replaced_by_one_with_the_same_mind(
    proxy: Proxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    first = await call(proxy, livekit, worker, room)
    await seen(caplog, first)
    await tell(proxy, room, first, signal="SIGKILL", reason="it was killed by SIGKILL")
    second = await the_agent(livekit, room, besides=first)
    assert second != first
    assert len(worker.metadata) == 2
    assert worker.metadata[0] == worker.metadata[1], "the mind is the same"
    assert '"caller_waits": true' in worker.metadata[0]
    assert (await become(proxy, room, "joined"))["state"] == "joined"


async def test_an_agent_that_is_killed_after_the_proxy_was_restarted_is_replaced(
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    settings = {
        "livekit_url": livekit.url,
        "agent_url": worker.status_url,
        "proxy_port": livekit.webhook_port,
        "calls_database": str(tmp_path / "calls.db"),
    }
    async with AsyncExitStack() as stack:
        proxy = await running_proxy(stack, **settings)
        first = await call(proxy, livekit, worker, room)
        await seen(caplog, first)
        await report(proxy, room, "init_done", {}, "listens")
    async with AsyncExitStack() as stack:
        proxy = await running_proxy(stack, **settings)
        await tell(proxy, room, first, signal="SIGKILL", reason="it was killed by SIGKILL")
        await the_agent(livekit, room, besides=first)
        assert len(worker.metadata) == 2
        assert worker.metadata[0] == worker.metadata[1], "the mind is the same"


async def test_an_agent_that_hung_up_is_not_replaced(
    proxy: Proxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    first = await call(proxy, livekit, worker, room)
    await seen(caplog, first)
    await tell(proxy, room, first, exit_code=0, reason="the job is over")
    killed = await the_agent(livekit, room)
    assert killed == first
    await tell(proxy, room, "agent-AJ_stranger", signal="SIGKILL")
    assert await the_agent(livekit, room) == first
    assert len(worker.metadata) == 1


async def test_an_agent_whose_worker_was_restarted_is_replaced_however_often(
    proxy: Proxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(transition, "REPLACED_MAX", 1)
    caplog.set_level(logging.INFO)
    there = await call(proxy, livekit, worker, room)
    for _ in range(2):
        await seen(caplog, there)
        stopped = {"exit_code": 0, "reason": "the worker was stopped", "worker_stopped": True}
        await tell(proxy, room, there, **stopped)
        there = await the_agent(livekit, room, besides=there)
    assert len(worker.metadata) == 3


async def test_an_agent_that_lost_its_room_is_replaced_when_the_caller_is_back(
    proxy: Proxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    first = await call(proxy, livekit, worker, room)
    await seen(caplog, first)
    await worker.leave(room)  # all of them, as when the server is restarted
    job = first.removeprefix("agent-")
    lost = {"job_id": job, "reason": "room disconnected", "lost": "SERVER_SHUTDOWN"}
    await report(proxy, room, "ended", lost, f"{job}-lost")
    await tell(proxy, room, first, exit_code=0, reason="the job is over")
    await asyncio.sleep(SOME_POLLS_S)
    assert len(worker.metadata) == 1, "an agent was sent to nobody"
    await caller_joins(proxy, livekit, worker, room)
    second = await the_agent(livekit, room, besides=first)
    assert second != first
    assert worker.metadata[0] == worker.metadata[1], "the mind is the same"
    assert (await become(proxy, room, "joined"))["state"] == "joined"


async def test_a_caller_who_does_not_come_back_gets_no_agent(
    proxy: Proxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(records, "BACK_WITHIN_S", 2 * SOME_POLLS_S)
    caplog.set_level(logging.INFO)
    first = await call(proxy, livekit, worker, room)
    await seen(caplog, first)
    await worker.leave(room)
    job = first.removeprefix("agent-")
    lost = {"job_id": job, "reason": "room disconnected", "lost": "SIGNAL_CLOSE"}
    await report(proxy, room, "ended", lost, f"{job}-lost")

    async def given_up() -> bool:
        return "call has ended" in (await become(proxy, room, "none"))["message"]

    await soon(given_up)
    assert len(worker.metadata) == 1


async def test_agents_that_always_die_are_given_up(
    proxy: Proxy,
    livekit: LiveKit,
    worker: TinyWorker,
    room: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(transition, "REPLACED_MAX", 1)
    caplog.set_level(logging.INFO)
    first = await call(proxy, livekit, worker, room)
    await seen(caplog, first)
    await tell(proxy, room, first, exit_code=1, reason="it exited with code 1")
    second = await the_agent(livekit, room, besides=first)
    await seen(caplog, second)
    await tell(proxy, room, second, exit_code=1, reason="it exited with code 1")
    status = await become(proxy, room, "not_joined")
    assert "1 agents died within 60 s" in status["message"]
    assert len(worker.metadata) == 2
