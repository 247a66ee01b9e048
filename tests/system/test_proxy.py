"""The proxy in the whole running system: real worker, real Letta, real calls."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from livekit import api

from tests.running_system import ROOT, System, free_ports

JOIN_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Client:
    """A client of the system's proxy."""

    session: aiohttp.ClientSession
    url: str

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, self.url + path, json=body) as answer:
            return answer.status, json.loads(await answer.read())

    async def get(self, path: str) -> Any:
        return (await self.ask("GET", path))[1]


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, system.proxy_url)


@pytest.fixture
async def server(system: System) -> AsyncIterator[api.LiveKitAPI]:
    """The LiveKit server itself, to see what really is in a room."""
    url = system.livekit_url
    async with api.LiveKitAPI(url, system.api_key, system.api_secret) as made:
        yield made


@pytest.fixture
def room() -> str:
    return f"proxy-test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def call(client: Client, room: str) -> AsyncIterator[str]:
    """A room with a caller in it. The caller is a process: the native library wants its own."""
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fast.proxy.joiner", str(port), cwd=ROOT
    )
    try:
        _, token = await client.ask("POST", "/api/token", {"room": room})
        order = {"url": token["url"], "token": token["token"]}

        async def joined() -> bool:
            try:
                async with client.session.post(
                    f"http://127.0.0.1:{port}/join", json=order
                ) as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectorError:
                return False

        await soon(joined)
        yield room
    finally:
        process.terminate()
        await process.wait()


async def soon(happened: Callable[[], Awaitable[bool]]) -> None:
    """Return when `happened`, which can only be asked."""
    async with asyncio.timeout(JOIN_DEADLINE_S):
        while not await happened():  # noqa: ASYNC110 - nothing there could set an event
            await asyncio.sleep(0.05)


async def agents(server: api.LiveKitAPI, room: str) -> list[str]:
    found = await server.room.list_participants(api.ListParticipantsRequest(room=room))
    return [p.identity for p in found.participants if p.kind == p.AGENT]


async def test_every_process_is_ready_and_the_worker_registered(
    client: Client, system: System
) -> None:
    status, health = await client.ask("GET", "/health")
    assert (status, health["status"]) == (200, "ok"), health["message"]
    assert [*health["processes"]] == ["livekit", "models", "letta", "agent", "proxy"]
    assert all(process["pid"] for process in health["processes"].values())
    status, worker = await client.ask("GET", "/health/agent")
    assert (status, worker["name_matches"]) == (200, True)
    assert worker["agent_name"] == system.agent_name
    assert worker["worker_id"].startswith("AW_")


async def test_a_call_gets_one_agent_however_often_it_is_asked_for(
    client: Client, server: api.LiveKitAPI, call: str
) -> None:
    first_agent = (await client.get("/api/agents"))["agents"][0]["id"]
    body = {"room": call, "agent_id": first_agent}
    answers = await asyncio.gather(
        *(client.ask("POST", "/api/dispatch-agent", body) for _ in range(3))
    )
    assert [status for status, _ in answers] == [200, 200, 200]
    (dispatch_id,) = {answer["dispatch_id"] for _, answer in answers}

    async def joined() -> bool:
        state = (await client.get(f"/api/dispatch-agent/{call}"))["state"]
        return bool(state == "joined")

    await soon(joined)
    _, again = await client.ask("POST", "/api/dispatch-agent", body)
    assert again["dispatch_id"] == dispatch_id
    assert "already in room" in again["message"]
    assert len(await agents(server, call)) == 1
    dispatches = await server.agent_dispatch.list_dispatch(call)
    assert [d.id for d in dispatches if d.agent_name] == [dispatch_id]
    jobs = (await client.get("/health/agent"))["jobs"]
    assert [job["room"] for job in jobs].count(call) == 1


async def test_an_agent_that_letta_does_not_know_is_refused(client: Client, room: str) -> None:
    for unknown in ("agent-00000000-0000-4000-8000-000000000000", "nobody"):
        body = {"room": room, "agent_id": unknown}
        status, answer = await client.ask("POST", "/api/dispatch-agent", body)
        assert (status, answer["error"]) == (404, "UNKNOWN_AGENT")


async def test_an_agent_is_made_listed_and_remembered(client: Client) -> None:
    name = f"Made by a test {uuid.uuid4().hex[:6]}"
    status, made = await client.ask(
        "POST", "/api/agents", {"name": name, "human": "Likes the color teal."}
    )
    assert status == 201, made
    assert made["agent"]["model"]
    listed = (await client.get("/api/agents"))["agents"]
    assert made["agent"] in listed
    blocks = (await client.get(f"/api/agents/{made['agent']['id']}/memory"))["blocks"]
    assert {b["label"]: b["value"] for b in blocks}["human"] == "Likes the color teal."


async def test_an_agent_thinks_with_a_model_that_letta_offers(client: Client) -> None:
    _, made = await client.ask("POST", "/api/agents", {"name": "thinks with another"})
    path = f"/api/agents/{made['agent']['id']}"
    (model,) = (await client.get("/api/models"))["models"]
    assert model == {"handle": "openai-compatible/rehearsal", "is_script": True}
    status, changed = await client.ask("PATCH", path, {"model": model["handle"]})
    assert (status, changed["agent"]["model"]) == (200, model["handle"])
    for wrong, error in ((path, "UNKNOWN_MODEL"), ("/api/agents/nobody", "UNKNOWN_AGENT")):
        named = "openai-compatible/none" if error == "UNKNOWN_MODEL" else model["handle"]
        status, answer = await client.ask("PATCH", wrong, {"model": named})
        assert answer["error"] == error, answer


async def test_what_an_app_server_has_not_is_said(client: Client) -> None:
    status, answer = await client.ask("GET", "/letta/v1/agents")
    assert (status, answer["error"]) == (403, "LETTA_PATH_REFUSED")
    assert "/api/agents" in answer["message"]


async def test_sound_goes_through_the_livekit_server(client: Client) -> None:
    status, answer = await client.ask("POST", "/api/test-livekit-connection", {})
    assert status == 200
    assert answer["success"], answer["message"]
    assert "media" in [step["name"] for step in answer["steps"]]


async def test_no_key_is_in_the_log(client: Client, system: System, call: str) -> None:
    await client.ask("POST", "/api/dispatch-agent", {"room": call})
    log = system.log("proxy")
    assert f"Attempting to dispatch agent to room: {call}" in log
    assert system.api_secret not in log
