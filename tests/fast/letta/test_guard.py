"""Who may ask our Letta."""

import json
from typing import Any

import pytest

from dev.letta.server.guard import Guard, Receive, Send, refusal


@pytest.mark.parametrize("host", ["localhost:8283", "127.0.0.1:8283", "[::1]:8283", "LOCALHOST"])
@pytest.mark.parametrize(
    "origin", ["", "http://localhost:9000", "http://127.0.0.1", "http://[::1]"]
)
def test_this_machine_may(host: str, origin: str) -> None:
    assert refusal({b"host": host.encode(), b"origin": origin.encode()}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"host": b""},
        {b"host": b"evil.example:8283"},
        {b"host": b"localhost.evil.example"},
        {b"host": b"[::1"},
        {b"host": b"localhost", b"origin": b"https://evil.example"},
        {b"host": b"localhost", b"origin": b"null"},
        {b"host": b"localhost", b"origin": b"http://localhost.evil.example"},
    ],
)
def test_others_may_not(headers: dict[bytes, bytes]) -> None:
    assert refusal(headers)


async def test_a_refused_request_never_reaches_letta() -> None:
    reached: list[str] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], _receive: Receive, _send: Send) -> None:
        reached.append(scope["path"])

    async def receive() -> dict[str, Any]:
        raise AssertionError("nobody reads the request")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    guard = Guard(app)
    good = {"type": "http", "path": "/good", "headers": [(b"host", b"localhost:1")]}
    bad = {"type": "http", "path": "/bad", "headers": [(b"host", b"evil.example")]}
    await guard(good, receive, send)
    await guard(bad, receive, send)
    assert reached == ["/good"]
    assert sent[0]["status"] == 403
    assert "evil.example" in json.loads(sent[1]["body"])["detail"]
