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


async def test_a_client_sdk_of_livekit_gets_what_its_token_source_wants(proxy: Proxy) -> None:
    wanted = {
        "room_name": "kitchen",
        "participant_identity": "ada",
        "participant_name": "Ada",
        "participant_metadata": '{"plan": "pro"}',
        "participant_attributes": {"language": "de"},
        "room_config": {"agents": [{"agentName": "inbound-bot", "metadata": "{}"}]},
    }
    answer = (await proxy.post("/api/token", wanted)).json
    assert answer["server_url"] == answer["url"] == proxy.settings.livekit_url
    assert answer["participant_token"] == answer["token"]
    claims = jwt.decode(answer["participant_token"], SECRET, algorithms=["HS256"], issuer=KEY)
    assert (claims["sub"], claims["name"], claims["video"]["room"]) == ("ada", "Ada", "kitchen")
    assert claims["metadata"] == '{"plan": "pro"}'
    assert claims["attributes"] == {"language": "de", "voice.caller": "true"}
    (agent,) = claims["roomConfig"]["agents"]
    assert (agent["agentName"], agent["metadata"]) == ("inbound-bot", "{}")


async def test_what_is_left_out_is_made_up(proxy: Proxy) -> None:
    answer = (await proxy.post("/api/token", {})).json
    assert re.fullmatch(r"room-[0-9a-f]{8}", answer["room"])
    claims = jwt.decode(answer["token"], SECRET, algorithms=["HS256"])
    assert claims["video"]["room"] == answer["room"]
    assert "roomConfig" not in claims and "metadata" not in claims


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"room": "a", "room_name": "b"},
            "The room is given more than once, differently: 'a', 'b'",
        ),
        ({"room": "a", "room_config": {"name": "b"}}, "The room is given more than once"),
        ({"identity": "a", "participant_identity": "b"}, "The identity is given more than once"),
        ({"participant_identity": "agent-AJ_1"}, "belong to agents"),
        ({"participant_attributes": {"lk.agent.state": "x"}}, "'lk.agent.state'"),
        ({"participant_attributes": {"a": 5}}, "participant_attributes"),
        ({"participant_metadata": "x" * 9000}, "participant_metadata"),
        ({"room_config": {"agents": [{"metadata": "x"}]}}, "agent"),
        ({"room_config": {"egress": {}}}, "egress"),
        ({"room_config": {"agents": [{"agent_name": "a"}] * 9}}, "agents"),
    ],
)
async def test_what_a_caller_may_not_have(
    proxy: Proxy, wanted: dict[str, object], message: str
) -> None:
    answer = await proxy.post("/api/token", wanted)
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")
    assert message in answer.json["message"]


async def test_nobody_takes_the_name_of_an_agent(proxy: Proxy) -> None:
    answer = await proxy.post("/api/token", {"room": "r", "identity": "agent-AJ_1"})
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")


async def test_without_a_key_there_is_no_token(start_proxy: StartProxy) -> None:
    proxy = await start_proxy(livekit_api_secret=None)
    answer = await proxy.post("/api/token", {"room": "r"})
    assert (answer.status, answer.json["error"]) == (503, "LIVEKIT_CREDENTIALS_MISSING")
