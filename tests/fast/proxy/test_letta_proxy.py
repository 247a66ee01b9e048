"""`/letta/…`: what goes through and what does not, streaming, headers, and the key."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from proxy.api.letta_proxy import ALLOWED
from tests.fast.proxy.conftest import LETTA_KEY, Proxy, StartProxy, running_proxy
from tests.fast.proxy.letta_server import AGENT, LettaServer

STREAM = "/letta/v1/conversations/conv-1/messages"


@pytest.fixture
async def proxy(start_proxy: StartProxy, letta: LettaServer) -> Proxy:
    return await start_proxy(letta_base_url=letta.url)


async def test_requests_go_through_with_the_key_and_without_the_browsers_own(
    proxy: Proxy, letta: LettaServer
) -> None:
    letta.key = LETTA_KEY
    answer = await proxy.get(
        f"/letta/v1/agents/{AGENT['id']}?include=x%20y",
        headers={
            "Authorization": "Bearer of-the-browser",
            "Cookie": "session=1",
            "X-Forwarded-For": "1.2.3.4",
            "Accept": "application/json",
        },
    )
    assert (answer.status, answer.json["name"]) == (200, "first")
    (request,) = letta.requests
    assert request.query_string == "include=x y"
    assert request.headers["Authorization"] == f"Bearer {LETTA_KEY}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Host"] == f"127.0.0.1:{letta.port}"
    assert not {"Cookie", "X-Forwarded-For", "Origin"} & {*request.headers}


async def test_a_collection_is_asked_for_without_a_redirect(
    proxy: Proxy, letta: LettaServer
) -> None:
    for path in ("/letta/v1/agents", "/letta/v1/agents/"):
        assert (await proxy.get(path)).status == 200
    assert [request.path for request in letta.requests] == ["/v1/agents/", "/v1/agents/"]


async def test_secrets_of_an_agents_tools_stay_here(proxy: Proxy) -> None:
    for path in ("/letta/v1/agents", f"/letta/v1/agents/{AGENT['id']}"):
        answer = await proxy.get(path, headers={"Accept-Encoding": "gzip"})
        agent = answer.json[0] if isinstance(answer.json, list) else answer.json
        assert (agent["secrets"], agent["tool_exec_environment_variables"]) == ([], [])
        assert agent["name"] == "first"


async def test_lettas_own_refusal_goes_through(proxy: Proxy) -> None:
    answer = await proxy.get("/letta/v1/agents/agent-unknown")
    assert (answer.status, answer.json) == (404, {"detail": "Agent not found"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"/letta/v1/agents/{AGENT['id']}"),
        ("POST", "/letta/v1/tools"),
        ("GET", "/letta/v1/tools"),
        ("GET", "/letta/v1/providers"),
        ("POST", f"/letta/v1/agents/{AGENT['id']}"),
        ("PATCH", "/letta/v1/agents"),
        ("GET", f"/letta/v1/agents/{AGENT['id']}/export"),
        ("POST", "/letta/v1/agents/import"),
        ("GET", "/letta/docs"),
        ("GET", "/letta/v1"),
    ],
)
async def test_the_rest_does_not(proxy: Proxy, letta: LettaServer, method: str, path: str) -> None:
    answer = await proxy.ask(method, path)
    expected = (405, "METHOD_NOT_ALLOWED") if method == "DELETE" else (403, "LETTA_PATH_REFUSED")
    assert (answer.status, answer.json["error"]) == expected
    assert letta.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/letta/v1/agents/../tools",
        "/letta/v1/agents/%2e%2e/tools",
        "/letta/v1/agents/%2E%2E%2Ftools",
        "/letta/v1//agents",
        "/letta//v1/agents",
        "/letta/v1/agents/a%2Fb",
        "/letta/v1/agents/a%5cb",
        "/letta/v1/agents/a;b",
        "/letta/v1/agents/a%00",
        "/letta/v1/agents/./x",
        "/letta/@evil.example/",
        "/letta/",
    ],
)
async def test_path_tricks_are_refused(proxy: Proxy, letta: LettaServer, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.settings.proxy_port)
    host = f"localhost:{proxy.settings.proxy_port}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] in (b"400", b"404"), answer
    assert letta.requests == []


async def chunks(lines: int) -> AsyncIterator[bytes]:
    for _ in range(lines):
        yield b"x" * 65_536


async def test_bodies_are_passed_on_and_bounded(proxy: Proxy, letta: LettaServer) -> None:
    body = {"name": "new", "memory_blocks": []}
    assert (await proxy.post("/letta/v1/agents", body)).status == 200
    assert letta.bodies[-1] == b'{"name": "new", "memory_blocks": []}'
    asked = len(letta.requests)
    large = await proxy.ask("POST", "/letta/v1/agents", data=io.BytesIO(b"x" * 2_000_000))
    assert (large.status, large.json["error"]) == (413, "BODY_TOO_LARGE")
    assert len(letta.requests) == asked
    endless = await proxy.ask("POST", "/letta/v1/agents", data=chunks(64))
    assert (endless.status, endless.json["error"]) == (413, "BODY_TOO_LARGE")


async def test_a_stream_arrives_event_by_event(proxy: Proxy, letta: LettaServer) -> None:
    async with proxy.session.post(proxy.url + STREAM, json={}) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert "Set-Cookie" not in answer.headers
        for expected in (b"data: 1", b"data: 2", b"data: 3"):
            # The next event is made only after this one has come: nothing is held back.
            assert await asyncio.wait_for(answer.content.readline(), 5) == expected + b"\n"
            await answer.content.readline()
            letta.next_event.set()


async def test_who_goes_away_takes_the_stream_along(proxy: Proxy, letta: LettaServer) -> None:
    async with proxy.session.post(proxy.url + STREAM, json={}) as answer:
        await answer.content.readline()
        assert not letta.stream_ended.is_set()
        answer.close()
    await asyncio.wait_for(letta.stream_ended.wait(), 5)


async def test_a_stopping_proxy_cuts_streams_off(letta: LettaServer) -> None:
    async with AsyncExitStack() as stack:
        proxy = await running_proxy(stack, letta_base_url=letta.url)
        async with proxy.session.post(proxy.url + STREAM, json={}) as answer:
            await answer.content.readline()
            await asyncio.wait_for(proxy.runner.cleanup(), 4)
            assert letta.stream_ended.is_set()


async def test_letta_that_breaks_off_is_seen_as_broken_off(
    proxy: Proxy, letta: LettaServer
) -> None:
    async with proxy.session.post(proxy.url + STREAM, json={}) as answer:
        await answer.content.readline()
        transport = letta.requests[-1].transport
        assert transport is not None
        transport.abort()
        with pytest.raises(Exception, match=r"payload|disconnect|reset"):
            await asyncio.wait_for(answer.content.read(), 5)


async def test_letta_that_is_down_is_said(start_proxy: StartProxy) -> None:
    proxy = await start_proxy()
    answer = await proxy.get("/letta/v1/agents")
    assert (answer.status, answer.json["error"]) == (503, "LETTA_UNREACHABLE")


def test_the_list_names_what_calls_need() -> None:
    assert ("GET", "/v1/agents") in ALLOWED
    assert ("POST", "/v1/conversations/ID/cancel") in ALLOWED
    assert not [path for method, path in ALLOWED if method == "DELETE" or "tool" in path]
