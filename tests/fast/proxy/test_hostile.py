"""Hostile and mistaken input: always a 4xx that says what is wrong, never a 500."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from proxy.api.connections import Runner
from tests.fast.proxy.conftest import Proxy, running_proxy
from tests.running_system import free_ports

JSON = {"Content-Type": "application/json"}
DEEP = b'{"room":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
PACKED = gzip.compress(b'{"room": "' + b"r" * 10_000_000 + b'"}')
POSTS = ("/api/dispatch-agent", "/api/token", "/api/agents")

BODIES: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("nothing", b"", JSON, 400, "NOT_JSON"),
    ("not JSON", b"{room}", JSON, 400, "NOT_JSON"),
    ("cut off", b'{"room": "r', JSON, 400, "NOT_JSON"),
    ("a list", b"[]", JSON, 400, "NOT_JSON"),
    ("a text", b'"r"', JSON, 400, "NOT_JSON"),
    ("null", b"null", JSON, 400, "NOT_JSON"),
    ("a number", b"1", JSON, 400, "NOT_JSON"),
    ("a huge number", b"1" * 5000, JSON, 400, "NOT_JSON"),
    ("not UTF-8", b'{"room": "\xff"}', JSON, 400, "NOT_JSON"),
    ("deep", DEEP, JSON, 400, "NOT_JSON"),
    ("no gzip", b"no gzip", {**JSON, "Content-Encoding": "gzip"}, 400, "NOT_JSON"),
    ("a packed bomb", PACKED, {**JSON, "Content-Encoding": "gzip"}, 400, "NOT_JSON"),
    ("too large", b'{"room": "' + b"r" * 2_000_000 + b'"}', JSON, 413, "BODY_TOO_LARGE"),
    ("a form", b"room=r", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "NOT_JSON"),
    ("text", b'{"room": "r"}', {"Content-Type": "text/plain"}, 415, "NOT_JSON"),
    ("no type", b'{"room": "r"}', {"Content-Type": ""}, 415, "NOT_JSON"),
]

ROOMS: list[tuple[str, Any]] = [
    ("null", None),
    ("a number", 5),
    ("a truth value", True),
    ("a list", ["r"]),
    ("an object", {"name": "r"}),
    ("empty", ""),
    ("blank", "   "),
    ("300 characters", "r" * 300),
    ("129 characters", "r" * 129),
    ("a zero byte", "a\x00b"),
    ("a line end", "a\nb"),
    ("an escape", "a\x1b[31mb"),
    ("a paragraph separator", "a\u2029b"),
    ("text turned round", "a\u202eb"),
    ("half a character", "a\ud800b"),
]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proxy() -> AsyncIterator[Proxy]:
    """One proxy for the whole table: nothing in it may leave a trace."""
    async with AsyncExitStack() as stack:
        yield await running_proxy(stack)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("body", "headers", "status", "code"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES]
)
async def test_bodies(
    proxy: Proxy, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await proxy.ask("POST", path, data=io.BytesIO(body), headers=headers)
    assert (answer.status, answer.json["error"]) == (status, code)
    assert answer.json["success"] is False
    assert len(answer.json["message"]) > 10


@pytest.mark.parametrize("path", ["/api/dispatch-agent", "/api/token"])
@pytest.mark.parametrize("room", [r[1] for r in ROOMS], ids=[r[0] for r in ROOMS])
async def test_rooms(proxy: Proxy, path: str, room: Any) -> None:
    answer = await proxy.post(path, {"room": room})
    if room is None and path == "/api/token":
        assert (answer.status, answer.json["room"][:5]) == (200, "room-")  # it is made up
        return
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")
    assert answer.json["message"].startswith("'room' is ")
    assert len(answer.json["message"]) < 300


async def test_no_room(proxy: Proxy) -> None:
    answer = await proxy.post("/api/dispatch-agent", {})
    assert (answer.status, answer.json["message"]) == (400, "'room' is missing.")


@pytest.mark.parametrize(
    "agent_id", [5, "", "a/b", "../x", "agent-1?x=1", "ä", "a" * 200, {"$ne": 1}]
)
async def test_letta_agent_ids(proxy: Proxy, agent_id: Any) -> None:
    answer = await proxy.dispatch("r", agent_id=agent_id)
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")
    assert answer.json["message"].startswith("'agent_id' is ")


@pytest.mark.parametrize(
    "room", ["128 characters".ljust(128, "r"), "ünïcode 房间 🎤", "می‌خواهم", "👩‍🚀", "a/b?c#d%e"]
)
async def test_ordinary_names_are_rooms(proxy: Proxy, room: str) -> None:
    answer = await proxy.post("/api/token", {"room": room})
    assert (answer.status, answer.json["room"]) == (200, room)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/token", "POST"),
        ("PUT", "/api/dispatch-agent", "POST"),
        ("POST", "/health", "GET"),
        ("DELETE", "/api/agents", "POST"),
        ("DELETE", "/letta/v1/agents/agent-1", "PATCH"),
    ],
)
async def test_wrong_methods(proxy: Proxy, method: str, path: str, allowed: str) -> None:
    answer = await proxy.ask(method, path)
    assert (answer.status, answer.json["error"]) == (405, "METHOD_NOT_ALLOWED")
    assert allowed in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/nothing", "/api/", "/api/dispatch-agent/", "/%00", "/web/"])
async def test_no_such_path(proxy: Proxy, path: str) -> None:
    answer = await proxy.get(path)
    assert (answer.status, answer.json["error"]) == (404, "NOT_FOUND")


async def raw(proxy: Proxy, request: bytes) -> bytes:
    """The first bytes of the answer to bytes no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.settings.proxy_port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read(4096)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "request_line",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost:PORT\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
        b"POST /api/token HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/token HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n{}",
        b"GET /web/../proxy/settings.py HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
        b"GET /web/%2e%2e/proxy/settings.py HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
        b"GET http://evil.example/debug HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)
async def test_raw_bytes(proxy: Proxy, request_line: bytes) -> None:
    port = str(proxy.settings.proxy_port).encode()
    answer = await raw(proxy, request_line.replace(b"PORT", port))
    assert answer.split()[1].startswith(b"4"), answer[:200]
    assert b"Traceback" not in answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert set(json.loads(body)) == {"success", "error", "message"}
    assert b"X-Request-Id: " in head
    assert (await proxy.get("/healthz")).status == 200


async def test_bytes_that_are_no_http_are_one_line_in_the_log(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(proxy, b"POST /api/token HTTP/1.1\r\nContent-Length: \x1b[31m\r\n\r\n")
    assert b" 400 " in answer.splitlines()[0]
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(record.levelname, record.exc_info) for record in records] == [("WARNING", None)]
    line = records[0].getMessage()
    assert line.startswith("A request from 127.0.0.1 cannot be read: ")
    assert line.isprintable()


async def test_what_is_expected_and_cannot_be(proxy: Proxy) -> None:
    for path in ("/healthz", "/nothing"):
        answer = await proxy.get(path, headers={"Expect": "a miracle"})
        assert (answer.status, answer.json["error"]) == (417, "EXPECTATION_FAILED")
        assert "a miracle" in answer.json["message"]


async def test_a_body_that_never_comes_is_given_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.api.endpoint.BODY_DEADLINE_S", 0.05)
    answer = await raw(
        proxy,
        f"POST /api/token HTTP/1.1\r\nHost: localhost:{proxy.settings.proxy_port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{".encode(),
    )
    assert b" 408 " in answer.splitlines()[0]


async def test_what_nobody_foresaw_is_logged_and_not_told(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the inner workings")

    monkeypatch.setattr("proxy.api.tokens.caller_token", fail)
    answer = await proxy.post("/api/token", {"room": "r"}, headers={"X-Request-Id": "mine-1"})
    assert (answer.status, answer.json["error"]) == (500, "INTERNAL")
    assert "inner workings" not in answer.body.decode()
    assert answer.headers["X-Request-Id"] == "mine-1"
    assert "mine-1" in answer.json["message"]
    (record,) = [r for r in caplog.records if r.exc_info]
    assert "mine-1" in record.getMessage()
    assert "the inner workings" in str(record.exc_info)


async def test_every_failure_is_json_and_carries_an_id(proxy: Proxy) -> None:
    for method, path in (("GET", "/nothing"), ("POST", "/api/token"), ("PUT", "/health")):
        answer = await proxy.ask(method, path, headers={"X-Request-Id": "not good\t"})
        assert set(json.loads(answer.body)) == {"success", "error", "message"}
        assert answer.headers["X-Request-Id"].isalnum()


async def test_who_does_not_read_the_answer_is_gone_when_the_proxy_ends() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 100_000)

    app = web.Application()
    app.router.add_get("/", endless)
    runner = Runner(app, shutdown_timeout=0.1)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert runner.server is not None
    (connection,) = runner.server.connections
    transport = connection.transport
    await runner.cleanup()
    assert transport is not None and transport.get_write_buffer_size() == 0
    with suppress(ConnectionResetError):
        while await reader.read(65536):
            pass
    writer.close()
