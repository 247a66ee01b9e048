"""What the proxy and the LiveKit server themselves put into the timeline."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from livekit import api

from tests.fast.proxy.conftest import KEY, SECRET, Proxy, StartProxy
from tests.fast.proxy.timeline.conftest import event, locked, opened, posted, rows, until, watching


def topics(database: Path, *stages: str) -> list[tuple[str, dict[str, Any]]]:
    events = rows(database, "SELECT source, stage, name, data FROM events ORDER BY at, seq")
    return [
        (f"{source}:{stage}.{name}", json.loads(data))
        for source, stage, name, data in events
        if stage in stages
    ]


async def report(proxy: Proxy, **parts: Any) -> None:
    """A report as the LiveKit server sends it."""
    body = json.dumps({"createdAt": int(time.time()), "room": {"name": "r"}, **parts})
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    token = api.AccessToken(KEY, SECRET).with_sha256(digest).to_jwt()
    headers = {"Content-Type": "application/webhook+json", "Authorization": token}
    answer = await proxy.ask("POST", "/webhooks/livekit", data=body.encode(), headers=headers)
    assert answer.status == 200


async def test_tokens_given_and_refused(proxy: Proxy, database: Path) -> None:
    given = (await proxy.post("/api/token", {"room": "r"})).json
    await proxy.post("/api/token", {"room": "r", "identity": "agent-1"})
    await until(lambda: len(topics(database, "token")) == 2)
    (issued, first), (refused, second) = topics(database, "token")
    assert (issued, refused) == ("proxy:token.issued", "proxy:token.refused")
    assert first == {"identity": given["identity"], "expires_at": given["expires_at"]}
    assert second["code"] == "INVALID_REQUEST"
    assert "agent-1" in second["message"]


async def test_reports_of_the_server(proxy: Proxy, database: Path) -> None:
    caller = {"identity": "c", "sid": "PA_1"}
    agent = {"identity": "a", "kind": "AGENT", "sid": "PA_2"}
    track = {"sid": "TR_1", "type": "AUDIO", "source": "MICROPHONE"}
    await report(proxy, event="room_started", id="1", room={"name": "r", "sid": "RM_1"})
    await report(proxy, event="participant_joined", id="2", participant=caller)
    await report(proxy, event="participant_joined", id="3", participant=agent)
    await report(proxy, event="participant_joined", id="3", participant=agent)  # once more
    await report(proxy, event="track_published", id="4", participant=caller, track=track)
    await report(proxy, event="track_published", id="5", participant=agent, track=track)
    left = {**caller, "disconnectReason": "DUPLICATE_IDENTITY"}
    await report(proxy, event="participant_left", id="6", participant=left)
    await report(proxy, event="egress_started", id="7")
    await report(proxy, event="room_finished", id="8")
    await report(proxy, event="participant_left", id="9", participant=agent)
    await until(lambda: len(topics(database, "signal", "join", "hear", "play")) == 8)
    events = topics(database, "signal", "join", "hear", "play")
    assert [name for name, _ in events] == [
        "sfu:signal.room_started",
        "sfu:signal.participant_joined",
        "sfu:join.participant_joined",
        "sfu:hear.track_published",
        "sfu:play.track_published",
        "sfu:signal.participant_left",
        "sfu:signal.room_finished",
        "sfu:join.participant_left",
    ]
    data = [event_data for _, event_data in events]
    assert data[0] == {"sid": "RM_1"}
    assert data[1] == {"identity": "c", "kind": "standard", "sid": "PA_1"}
    assert data[2]["kind"] == "agent"
    assert data[3]["source"] == "microphone"
    assert data[5]["reason"] == "DUPLICATE_IDENTITY"
    (call,) = (await proxy.get("/api/calls")).json["calls"]
    assert call["ended"] is not None


async def test_the_end_of_a_room_ends_its_call_and_its_verdicts_stay(
    start_proxy: StartProxy, database: Path
) -> None:
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("error", "think", data={"message": "it broke"}))
    await report(proxy, event="room_finished", id="1")
    ident = (await proxy.get("/api/calls")).json["calls"][0]["id"]
    query = "SELECT verdicts FROM calls WHERE ended IS NOT NULL AND verdicts IS NOT NULL"
    await until(lambda: bool(rows(database, query)))
    before = (await proxy.get(f"/api/calls/{ident}")).json
    assert len(before["verdicts"]) == 12
    await proxy.runner.cleanup()
    proxy = await start_proxy(calls_database=database)
    await opened(proxy)
    assert (await proxy.get(f"/api/calls/{ident}")).json == before


async def test_rooms_of_the_connection_test_are_no_calls(proxy: Proxy) -> None:
    await report(proxy, event="room_started", room={"name": "connection-test-1"})
    assert (await proxy.get("/api/calls")).json["calls"] == []


async def test_what_happens_to_the_system_is_in_every_open_call(
    proxy: Proxy, database: Path
) -> None:
    await posted(proxy, event(), room="one")
    await posted(proxy, event(), room="two")
    async with watching(proxy, "one") as first, watching(proxy, "two") as second, locked(database):
        for watcher in (first, second):
            probe: dict[str, Any] = {}
            while probe.get("problem") != "locked":
                probe = (await watcher.event("probe"))["data"]
            assert probe["name"] == "calls database"


async def test_what_no_database_takes_does_not_hold_up_the_rest(
    proxy: Proxy, database: Path
) -> None:
    """Names of rooms and agents that somebody else made up are left out, not tried for ever."""
    await report(proxy, event="room_started", room={"name": "x" * 300})
    await report(proxy, event="room_started", room={"name": "a\x00b"})
    odd = {"agent_id": "a\x00b" * 100}
    await posted(proxy, event("received", "dispatch", data=odd))
    (call,) = (await proxy.get("/api/calls")).json["calls"]
    assert (call["room"], call["agent_id"]) == ("r", None)
