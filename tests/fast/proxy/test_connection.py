"""The connection test against a real server: sound really travels; each failure has its step."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.proxy.conftest import StartProxy

PATH = "/api/test-livekit-connection"


def outcome(answer: Any) -> list[tuple[str, bool]]:
    return [(step["name"], step["ok"]) for step in answer.json["steps"]]


async def test_a_server_that_is_down(start_proxy: StartProxy) -> None:
    answer = await (await start_proxy()).post(PATH)
    assert outcome(answer) == [("credentials", True), ("server", False)]
    assert answer.json["error"] == "CONNECTION_TEST_FAILED"
    assert "connection refused" in answer.json["message"]


@pytest.mark.parametrize(("secret", "told"), [(None, "not both set"), ("short", "5 characters")])
async def test_a_key_that_cannot_be_right(
    start_proxy: StartProxy, secret: str | None, told: str
) -> None:
    answer = await (await start_proxy(livekit_api_secret=secret)).post(PATH)
    assert outcome(answer) == [("credentials", False)]
    assert told in answer.json["message"]
