"""The proxy as the caller uses it: a real server on loopback gives the answers a proxy may give."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from dev.caller.access import CallError, ProxyAccess

AGENTS = [
    {"id": "agent-1", "name": "Ada"},
    {"id": "agent-2", "name": "Grace"},
]


@pytest.fixture
async def proxy() -> AsyncIterator[ProxyAccess]:
    async def token(request: web.Request) -> web.Response:
        wish = await request.json()
        return web.json_response(
            {"success": True, "url": "ws://sfu", "token": f"{wish['room']}/{wish['identity']}"}
        )

    async def dispatch(request: web.Request) -> web.Response:
        wish = await request.json()
        if wish.get("agent_id") == "agent-none":
            refusal = {"success": False, "error": "unknown_agent", "message": "no such agent"}
            return web.json_response(refusal, status=404)
        if wish["room"] == "early":
            refusal = {"success": False, "error": "no_worker", "message": "no worker yet"}
            return web.json_response(refusal, status=503)
        return web.json_response({"success": True, "message": f"agent for {wish}"})

    async def agents(_: web.Request) -> web.Response:
        return web.json_response({"success": True, "agents": AGENTS})

    async def worker(_: web.Request) -> web.Response:
        return web.json_response({"registered": False, "message": "not registered"}, status=503)

    async def dispatched(request: web.Request) -> web.Response:
        return web.json_response({"success": True, "state": "waiting_for_worker", "jobs": []})

    app = web.Application()
    app.add_routes(
        [
            web.post("/api/token", token),
            web.post("/api/dispatch-agent", dispatch),
            web.get("/api/agents", agents),
            web.get("/health/agent", worker),
            web.get("/api/dispatch-agent/{room}", dispatched),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ProxyAccess(f"http://127.0.0.1:{runner.addresses[0][1]}/") as access:
            yield access
    finally:
        await runner.cleanup()


async def test_a_ticket_is_for_the_room_and_identity_asked(proxy: ProxyAccess) -> None:
    ticket = await proxy.ticket("kitchen", "caller-1")
    assert (ticket.url, ticket.token) == ("ws://sfu", "kitchen/caller-1")


async def test_dispatch_names_the_letta_agent_only_when_there_is_one(proxy: ProxyAccess) -> None:
    assert await proxy.dispatch("r", None) == "agent for {'room': 'r'}"
    assert "'agent_id': 'agent-1'" in await proxy.dispatch("r", "agent-1")


async def test_a_refusal_is_final_and_a_missing_worker_is_not(proxy: ProxyAccess) -> None:
    with pytest.raises(CallError, match="answered 404: no such agent") as refused:
        await proxy.dispatch("r", "agent-none")
    assert refused.value.final
    with pytest.raises(CallError, match="answered 503: no worker yet") as early:
        await proxy.dispatch("early", None)
    assert not early.value.final


@pytest.mark.parametrize("name", ["agent-2", "Grace", "grace"])
async def test_an_agent_is_found_by_id_or_name(proxy: ProxyAccess, name: str) -> None:
    assert await proxy.agent_named(name) == ("agent-2", "Grace")


async def test_an_unknown_agent_is_told_with_the_known_ones(proxy: ProxyAccess) -> None:
    with pytest.raises(CallError, match=r"no Letta agent 'Alan'.*Ada \(agent-1\), Grace"):
        await proxy.agent_named("Alan")


async def test_why_no_agent_quotes_worker_and_dispatch(proxy: ProxyAccess) -> None:
    told = await proxy.why_no_agent("a room/with slashes")
    assert "worker: not registered" in told
    assert "dispatch: success=True, state=waiting_for_worker" in told
    assert "./restart_voice_system.sh" in told


async def test_another_program_on_the_port_is_recognised(proxy: ProxyAccess) -> None:
    async with ProxyAccess(f"{proxy.url}/nowhere") as elsewhere:
        with pytest.raises(CallError, match=r"is not our proxy's JSON.*another program"):
            await elsewhere.ticket("r", "i")
