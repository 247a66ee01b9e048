"""Letta's agents as the page sees them."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fast.proxy.conftest import LETTA_KEY, Proxy, StartProxy
from tests.fast.proxy.letta_server import AGENT, LettaServer


@pytest.fixture
async def proxy(start_proxy: StartProxy, letta: LettaServer) -> Proxy:
    return await start_proxy(letta_base_url=letta.url)


async def test_the_list(proxy: Proxy, letta: LettaServer) -> None:
    letta.key = LETTA_KEY
    assert (await proxy.get("/api/agents")).json == {
        "success": True,
        "agents": [
            {
                "id": AGENT["id"],
                "name": "first",
                "model": "openai-proxy/rehearsal",
                "description": None,
                "created_at": "2026-11-01T00:00:00+00:00",
            }
        ],
    }


async def test_a_long_list_is_read_page_by_page(proxy: Proxy, letta: LettaServer) -> None:
    letta.agents = [{**AGENT, "id": f"agent-{number}"} for number in range(250)]
    listed = (await proxy.get("/api/agents")).json["agents"]
    assert [agent["id"] for agent in listed] == [agent["id"] for agent in letta.agents]


async def test_an_agent_seen_in_the_list_is_not_asked_for_again(
    start_proxy: StartProxy, letta: LettaServer
) -> None:
    proxy = await start_proxy(letta_base_url=letta.url, agent_check=False)
    await proxy.get("/api/agents")
    asked = len(letta.requests)
    await proxy.dispatch("r", agent_id=AGENT["id"])
    assert len(letta.requests) == asked


async def test_a_new_agent_gets_the_models_of_the_first(proxy: Proxy, letta: LettaServer) -> None:
    letta.handles["model"].append("openai-proxy/rehearsal")
    letta.handles["embedding"].append("openai-proxy/embedding")
    answer = await proxy.post("/api/agents", {"name": "Ada", "human": "Likes green."})
    assert (answer.status, answer.json["agent"]["name"]) == (201, "Ada")
    created = json.loads(letta.bodies[-1])
    assert created["model"] == "openai-proxy/rehearsal"
    assert created["embedding"] == "openai-proxy/embedding"
    assert [block["label"] for block in created["memory_blocks"]] == ["persona", "human"]
    assert created["memory_blocks"][1]["value"] == "Likes green."


async def test_a_model_that_the_server_no_longer_has_is_not_taken_over(
    proxy: Proxy, letta: LettaServer
) -> None:
    assert (await proxy.post("/api/agents", {"name": "Ada"})).status == 201
    created = json.loads(letta.bodies[-1])
    assert (created["model"], created["embedding"]) == ("maker/model", "maker/embedding")


async def test_a_server_without_any_model_says_so(proxy: Proxy, letta: LettaServer) -> None:
    letta.handles["model"].clear()
    answer = await proxy.post("/api/agents", {"name": "Ada"})
    assert (answer.status, answer.json["error"]) == (502, "LETTA_HAS_NO_MODEL")


async def test_the_very_first_agent_gets_the_first_models(proxy: Proxy, letta: LettaServer) -> None:
    letta.agents = []
    assert (await proxy.post("/api/agents", {"name": "Ada"})).status == 201
    created = json.loads(letta.bodies[-1])
    assert (created["model"], created["embedding"]) == ("maker/model", "maker/embedding")


async def test_a_model_that_is_named_is_taken(proxy: Proxy, letta: LettaServer) -> None:
    await proxy.post("/api/agents", {"name": "Ada", "model": "mine/best"})
    assert json.loads(letta.bodies[-1])["model"] == "mine/best"


async def test_the_models_that_an_agent_can_think_with(proxy: Proxy) -> None:
    assert (await proxy.get("/api/models")).json["models"] == [
        {"handle": "maker/model", "is_script": False}
    ], "a voice is none"


async def test_which_models_are_a_script_the_models_server_says(
    start_proxy: StartProxy, letta: LettaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = AsyncMock(return_value=["openai-proxy/rehearsal", "openai-proxy/local"])
    monkeypatch.setattr("proxy.clients.letta.Letta.models", offered)
    cards: Any = [{"id": "rehearsal", "script": True}, {"id": "local", "script": True}]

    async def scripts(models_url: str) -> list[bool]:
        proxy = await start_proxy(letta_base_url=letta.url, models_url=models_url)
        return [each["is_script"] for each in (await proxy.get("/api/models")).json["models"]]

    async def listed(_: web.Request) -> web.Response:
        return web.json_response({"data": cards})

    app = web.Application()
    app.router.add_get("/v1/models", listed)
    async with TestServer(app) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        assert await scripts(url) == [True, True]
        cards[1]["script"] = False
        assert await scripts(url) == [True, False]
        cards = None
        assert await scripts(url) == [True, False], "what answers oddly"
    assert await scripts(url) == [True, False], "nobody answers"


async def test_an_agent_thinks_with_another_model(proxy: Proxy, letta: LettaServer) -> None:
    letta.agents = [dict(AGENT)]
    answer = await proxy.patch(f"/api/agents/{AGENT['id']}", {"model": "maker/model"})
    assert (answer.status, answer.json["agent"]["model"]) == (200, "maker/model")
    assert letta.agents[0]["model"] == "maker/model"


@pytest.mark.parametrize(
    ("agent_id", "model", "status", "code", "said"),
    [
        (AGENT["id"], "maker/none", 400, "UNKNOWN_MODEL", "it offers: maker/model"),
        (AGENT["id"], "maker/tts-1", 400, "UNKNOWN_MODEL", "'maker/tts-1'"),
        (AGENT["id"], "", 400, "INVALID_REQUEST", "model"),
        ("agent-none", "maker/model", 404, "UNKNOWN_AGENT", "'agent-none'"),
    ],
)
async def test_a_model_or_an_agent_that_is_not_there(
    proxy: Proxy, agent_id: str, model: str, status: int, code: str, said: str
) -> None:
    answer = await proxy.patch(f"/api/agents/{agent_id}", {"model": model})
    assert (answer.status, answer.json["error"]) == (status, code)
    assert said in answer.json["message"]


async def test_a_name_that_letta_does_not_take_is_refused_in_words(proxy: Proxy) -> None:
    answer = await proxy.post("/api/agents", {"name": "Ada/Lovelace"})
    assert answer.status == 400
    assert "hyphens" in answer.json["message"]


async def test_memory(proxy: Proxy) -> None:
    blocks = (await proxy.get(f"/api/agents/{AGENT['id']}/memory")).json["blocks"]
    assert [(block["label"], block["value"]) for block in blocks] == [("human", "likes green")]


async def test_a_memory_block_is_written(proxy: Proxy, letta: LettaServer) -> None:
    path = f"/api/agents/{AGENT['id']}/memory/human"
    answer = await proxy.patch(path, {"value": "likes blue"})
    assert (answer.status, answer.json["keeps_history"]) == (200, False)
    assert [block["value"] for block in answer.json["blocks"]] == ["likes blue"]
    long = await proxy.patch(path, {"value": "likes blue. " * 1000})
    assert long.status == 200, "one that has grown in Letta can be edited"
    assert (await proxy.get(f"{path}/versions")).json["versions"] == []
    for wrong, status, code in (
        ("/api/agents/agent-none/memory/human", 404, "UNKNOWN_AGENT"),
        (f"/api/agents/{AGENT['id']}/memory/a%20b", 400, "INVALID_REQUEST"),
    ):
        answer = await proxy.patch(wrong, {"value": "likes blue"})
        assert (answer.status, answer.json["error"]) == (status, code)
    answer = await proxy.get(f"{path}/versions/abc")
    assert (answer.status, answer.json["error"]) == (400, "LETTA_REFUSED")


async def test_an_id_that_is_none(proxy: Proxy, letta: LettaServer) -> None:
    answer = await proxy.get("/api/agents/a%2Fb/memory")
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")
    assert letta.requests == []


async def test_a_rejected_key_is_said(proxy: Proxy, letta: LettaServer) -> None:
    letta.key = "another"
    answer = await proxy.get("/api/agents")
    assert (answer.status, answer.json["error"]) == (502, "LETTA_KEY_REJECTED")
    assert "LETTA_API_KEY" in answer.json["message"]


async def test_letta_that_is_down_is_said(start_proxy: StartProxy) -> None:
    answer = await (await start_proxy()).get("/api/agents")
    assert (answer.status, answer.json["error"]) == (503, "LETTA_UNREACHABLE")
    assert "connection refused" in answer.json["message"]
