"""The connection test against a real server: sound really travels; each failure has its step."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from livekit import api

from proxy.probes import connection
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.test_connection import PATH, outcome
from tests.system.parts.proxy.conftest import LiveKit


@pytest.fixture
async def proxy(start_proxy: StartProxy, livekit: LiveKit) -> Proxy:
    return await start_proxy(livekit_url=livekit.url)


async def test_everything_works_and_nothing_is_left(proxy: Proxy, server: api.LiveKitAPI) -> None:
    first, second = await asyncio.gather(proxy.post(PATH), proxy.post(PATH))
    refused, answer = sorted((first, second), key=lambda each: each.status, reverse=True)
    assert (refused.status, refused.json["error"]) == (409, "TEST_RUNNING")
    assert outcome(answer) == [
        ("credentials", True),
        ("server", True),
        ("room_service", True),
        ("token", True),
        ("join", True),
        ("media", True),
        ("leave", True),
        ("delete_room", True),
    ]
    assert answer.json["success"] is True
    assert all(step["ms"] >= 0 and step["detail"] for step in answer.json["steps"])
    assert not (await server.room.list_rooms(api.ListRoomsRequest())).rooms


async def test_a_key_that_is_rejected(start_proxy: StartProxy, livekit: LiveKit) -> None:
    proxy = await start_proxy(livekit_url=livekit.url, livekit_api_secret="w" * 40)
    answer = await proxy.post(PATH)
    assert outcome(answer)[-1] == ("room_service", False)
    assert "rejects LIVEKIT_API_KEY" in answer.json["message"]


async def test_a_probe_that_hangs_is_ended(
    proxy: Proxy, server: api.LiveKitAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PROBE_TIMEOUT_S", 0.05)
    answer = await proxy.post(PATH)
    assert outcome(answer)[-2:] == [("probe", False), ("delete_room", True)]
    assert "not done within 0.05 s" in answer.json["message"]


async def test_the_probe_is_given_no_secret(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    create = asyncio.create_subprocess_exec

    async def note(*command: str, **options: Any) -> asyncio.subprocess.Process:
        given.update(options["env"], command=command)
        return await create(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    monkeypatch.setattr(connection, "PROBE_TIMEOUT_S", 0.05)
    monkeypatch.setenv("LIVEKIT_API_SECRET", "planted")
    await proxy.post(PATH)
    assert given["command"][-1] == "proxy.probes.sound"
    assert "planted" not in json.dumps(given)
