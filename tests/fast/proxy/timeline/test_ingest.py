"""Who may report what: proofs, sources, sizes; each event once."""

from __future__ import annotations

import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fast.proxy.conftest import SECRET, Proxy, running_proxy
from tests.fast.proxy.test_hostile import BODIES
from tests.fast.proxy.timeline.conftest import agent_token, event, page_token, post

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOBODY = page_token("r", video={"roomList": True})
WRONG_SECRET = agent_token(secret="w" * 40)
HOUR = 3600.0


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    """One proxy for the whole table."""
    file: Path = tmp_path_factory.mktemp("calls") / "calls.db"
    async with AsyncExitStack() as stack:
        yield await running_proxy(stack, calls_database=file)


async def call_of(proxy: Proxy, room: str) -> Any:
    calls = (await proxy.get("/api/calls")).json["calls"]
    call_id = next(call["id"] for call in calls if call["room"] == room)
    return (await proxy.get(f"/api/calls/{call_id}")).json


async def events_of(proxy: Proxy, room: str) -> list[Any]:
    return [e for e in (await call_of(proxy, room))["events"] if e["stage"] != "system"]


async def test_the_proof_decides_who_reported_it(proxy: Proxy) -> None:
    page, agent = event(source="agent"), event("transcript", "transcribe", source="browser")
    token = (await proxy.post("/api/token", {"room": "who"})).json["token"]
    assert (await post(proxy, [page], token, "who")).json == {
        "success": True,
        "accepted": 1,
        "known": 0,
    }
    assert (await post(proxy, [agent], agent_token("who"), "who")).status == 200
    sources = {e["name"]: e["source"] for e in await events_of(proxy, "who")}
    assert sources == {"issued": "proxy", "connected": "browser", "transcript": "agent"}


async def test_an_event_is_taken_once(proxy: Proxy) -> None:
    first, second = event(), event()
    assert (await post(proxy, [first, first], agent_token("once"), "once")).json["accepted"] == 1
    answer = await post(proxy, [first, second], agent_token("once"), "once")
    assert (answer.json["accepted"], answer.json["known"]) == (1, 1)
    assert len(await events_of(proxy, "once")) == 2


async def test_a_token_that_expired_today_still_reports_that(proxy: Proxy) -> None:
    for age, status in ((2 * HOUR, 200), (25 * HOUR, 401)):
        answer = await post(proxy, [event()], page_token("old", age=age), "old")
        assert answer.status == status


async def test_the_agents_deliverer_reports_of_any_room(proxy: Proxy) -> None:
    events = [event(room="any-1"), event(room="any-2")]
    assert (await post(proxy, events, agent_token("*"), "any-1")).status == 200
    assert len(await events_of(proxy, "any-2")) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "nonsense",
        "Bearer",
        "Bearer nonsense",
        "Bearer a.b.c",
        f"Basic {agent_token()}",
        f"Bearer {WRONG_SECRET}",
        f"Bearer {agent_token('other')}",
        f"Bearer {page_token('other')}",
        f"Bearer {page_token('*')}",
        f"Bearer {NOBODY}",
        f"Bearer {page_token(iss='somebody')}",
        f"Bearer {page_token(video={'agent': True, 'room': 'r'})}",
        f"Bearer {page_token(sub='agent', age=HOUR, video={'agent': True, 'room': 'r'})}",
        f"Bearer {page_token('r' * 4000)}",
    ],
)
async def test_what_is_not_proved_is_refused(proxy: Proxy, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    body = {"events": [event()]}
    answer = await proxy.post("/api/rooms/r/events", body, headers=headers)
    assert (answer.status, answer.json["error"]) == (401, "EVENTS_NOT_YOURS")
    assert SECRET not in answer.body.decode()


async def test_a_token_for_another_room_is_told_in_the_room_that_was_wanted(proxy: Proxy) -> None:
    assert (await post(proxy, [event()], agent_token("wanted"), "wanted")).status == 200
    for _ in range(2):
        assert (await post(proxy, [event()], page_token("elsewhere"), "wanted")).status == 401
    events = [item for item in await events_of(proxy, "wanted") if item["name"] == "room_mismatch"]
    assert [(item["source"], item["data"]["token_room"]) for item in events] == [
        ("proxy", "elsewhere")
    ]
    # A room of which nothing is known gets no timeline by that.
    assert (await post(proxy, [event()], page_token("elsewhere"), "unknown")).status == 401
    rooms = {call["room"] for call in (await proxy.get("/api/calls")).json["calls"]}
    assert "wanted" in rooms and "unknown" not in rooms


async def test_a_foreign_page_reports_nothing(proxy: Proxy) -> None:
    headers = {
        "Authorization": f"Bearer {page_token()}",
        "Origin": "https://evil.example",
    }
    answer = await proxy.post("/api/rooms/r/events", {"events": [event()]}, headers=headers)
    assert (answer.status, answer.json["error"]) == (403, "ORIGIN_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES]
)
async def test_bodies(
    proxy: Proxy, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    headers = {**headers, "Authorization": f"Bearer {agent_token()}"}
    answer = await proxy.ask("POST", "/api/rooms/r/events", data=io.BytesIO(body), headers=headers)
    expected = {"NOT_JSON": ("NOT_JSON", "BAD_EVENT"), "BODY_TOO_LARGE": ("BODY_TOO_LARGE",)}
    assert answer.status == status
    assert answer.json["error"] in expected[code]


DEEP: Any = "end"
for _ in range(900):
    DEEP = [DEEP]

WRONG: list[tuple[str, Any]] = [
    ("no list", {"events": {}}),
    ("no events", {}),
    ("no object", {"events": [1]}),
    ("no time", {"events": [event(at="yesterday")]}),
    ("a time that is none", {"events": [event(at=float("nan"))]}),
    ("an endless time", {"events": [event(at=float("inf"))]}),
    ("a negative time", {"events": [event(at=-1)]}),
    ("no stage", {"events": [event(stage="lunch")]}),
    ("a name with a line end", {"events": [event(name="a\nb")]}),
    ("a long name", {"events": [event(name="n" * 65)]}),
    ("no key", {"events": [event(key="")]}),
    ("a long key", {"events": [event(key="k" * 129)]}),
    ("a key that cannot be stored", {"events": [event(key="a\x00b")]}),
    ("half a character", {"events": [event(key="a\ud800b")]}),
    ("data that is a list", {"events": [event(data=[])]}),
    ("data that is no number", {"events": [event(data={"a": [float("nan")]})]}),
    ("a room that is none", {"events": [event(room="a\x00b")]}),
    ("another room", {"events": [event(room="other")]}),
    ("too many", {"events": [event() for _ in range(201)]}),
]


@pytest.mark.parametrize("body", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
async def test_a_wrong_event_is_named_and_nothing_is_taken(proxy: Proxy, body: Any) -> None:
    if isinstance(body.get("events"), list) and len(body["events"]) == 1:
        body = {"events": [event(), *body["events"]]}
    headers = {
        "Authorization": f"Bearer {agent_token('wrong')}",
        "Content-Type": "application/json",
    }
    answer = await proxy.ask(
        "POST", "/api/rooms/wrong/events", data=json.dumps(body), headers=headers
    )
    assert (answer.status, answer.json["error"]) == (400, "BAD_EVENT"), answer.body
    assert "events" in answer.json["message"]
    rooms = [call["room"] for call in (await proxy.get("/api/calls")).json["calls"]]
    assert "wrong" not in rooms


@pytest.mark.parametrize(
    "data",
    [
        {"text": "x" * 100_000},
        {"texts": ["y" * 100] * 3000},
        {str(n): "z" * 50 for n in range(3000)},
        {"deep": DEEP, "text": "x" * 20_000},
        {"emoji": "😀" * 20_000},
    ],
    ids=["a long text", "a long list", "many names", "depth", "emoji"],
)
async def test_a_long_event_is_cut_and_says_so(proxy: Proxy, data: Any) -> None:
    long = event(data=data)
    room = f"cut-{long['key']}"
    assert (await post(proxy, [long], agent_token(room), room)).status == 200
    (kept,) = await events_of(proxy, room)
    assert "bytes" in kept["data"]["cut"]
    text = json.dumps(kept["data"], separators=(",", ":"), ensure_ascii=False)
    assert len(text.encode()) <= 16 * 1024


async def test_half_a_character_is_kept_as_a_question_mark(proxy: Proxy) -> None:
    half = event(data={"te\ud83dxt": ["cut \ud83d", "\x00", "whole 😀"]})
    assert (await post(proxy, [half], agent_token("half"), "half")).status == 200
    (kept,) = await events_of(proxy, "half")
    assert kept["data"] == {"te?xt": ["cut ?", "\x00", "whole 😀"]}


async def test_half_a_megabyte_is_taken_and_more_is_not(proxy: Proxy) -> None:
    events = [event(data={"text": "x" * 2400}) for _ in range(200)]
    assert (await post(proxy, events, agent_token("big"), "big")).json["accepted"] == 200
    events = [event(data={"text": "x" * 2700}) for _ in range(200)]
    answer = await post(proxy, events, agent_token("big"), "big")
    assert (answer.status, answer.json["error"]) == (413, "BODY_TOO_LARGE")


async def test_a_clock_that_is_ahead_does_not_order_events(proxy: Proxy) -> None:
    ahead = event(at=time.time() + HOUR)
    await post(proxy, [ahead], agent_token("ahead"), "ahead")
    (kept,) = await events_of(proxy, "ahead")
    assert kept["at"] <= time.time()
    assert kept["data"]["reported_at"] == ahead["at"]


async def test_a_page_whose_clock_is_behind_reports_of_its_call(proxy: Proxy) -> None:
    token = (await proxy.post("/api/token", {"room": "slow"})).json["token"]
    for _ in range(2):
        assert (await post(proxy, [event(at=time.time() - 2 * HOUR)], token, "slow")).status == 200
    assert [e["name"] for e in await events_of(proxy, "slow")] == [
        "connected",
        "connected",
        "issued",
    ]


@pytest.mark.parametrize("path", ["/api/rooms/a%00b/events", "/api/rooms/%20/events"])
async def test_rooms_that_are_none(proxy: Proxy, path: str) -> None:
    headers = {"Authorization": f"Bearer {agent_token('*')}"}
    for answer in (await proxy.post(path, {"events": []}, headers=headers), await proxy.get(path)):
        assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")
