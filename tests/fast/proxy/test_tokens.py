"""Tokens: one room, one identity, minutes, and nothing more than a caller needs."""

from __future__ import annotations

import re
import time

import jwt
import pytest

from tests.fast.proxy.conftest import KEY, SECRET, Proxy, StartProxy


@pytest.fixture
async def proxy(start_proxy: StartProxy) -> Proxy:
    return await start_proxy()


async def test_a_token_is_for_one_room_and_ten_minutes(proxy: Proxy) -> None:
    before = int(time.time())
    answer = (await proxy.post("/api/token", {"room": "r"})).json
    claims = jwt.decode(answer["token"], SECRET, algorithms=["HS256"], issuer=KEY)
    assert claims["video"] == {
        "roomJoin": True,
        "room": "r",
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
        "canUpdateOwnMetadata": False,
    }
    assert claims["sub"] == answer["identity"]
    assert before + 600 <= claims["exp"] <= time.time() + 600
    assert abs(answer["expires_at"] - claims["exp"]) <= 1
    assert answer["url"] == proxy.settings.livekit_url
    assert re.fullmatch(r"caller-[0-9a-f]{8}", answer["identity"])


async def test_identities_differ_unless_given(proxy: Proxy) -> None:
    made = {(await proxy.post("/api/token", {"room": "r"})).json["identity"] for _ in range(3)}
    assert len(made) == 3
    given = (await proxy.post("/api/token", {"room": "r", "identity": "me", "name": "Me"})).json
    claims = jwt.decode(given["token"], SECRET, algorithms=["HS256"])
    assert (given["identity"], claims["name"]) == ("me", "Me")


async def test_nobody_takes_the_name_of_an_agent(proxy: Proxy) -> None:
    answer = await proxy.post("/api/token", {"room": "r", "identity": "agent-AJ_1"})
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")


async def test_without_a_key_there_is_no_token(start_proxy: StartProxy) -> None:
    proxy = await start_proxy(livekit_api_secret=None)
    answer = await proxy.post("/api/token", {"room": "r"})
    assert (answer.status, answer.json["error"]) == (503, "LIVEKIT_CREDENTIALS_MISSING")
