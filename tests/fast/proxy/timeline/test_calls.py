"""The calls that were: listed, read, saved, deleted, and forgotten in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from proxy.timeline import api
from proxy.timeline.store.database import DatabaseUrl, open_store
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.timeline.conftest import (
    agent_token,
    event,
    keys,
    opened,
    post,
    posted,
    rows,
)

START = time.time() - 5


def conversation() -> list[dict[str, Any]]:
    """Two turns; the second reply was interrupted."""

    def said(at: float, topic: str, **data: Any) -> dict[str, Any]:
        stage, name = topic.split(".")
        return event(name, stage, at=START + at, data=data)

    return [
        said(0.0, "job.job", metadata='{"agent_id": "agent-7"}'),
        said(0.5, "hear.speech_started"),
        said(1.4, "transcribe.transcript", text="hel", final=False),
        said(1.5, "transcribe.transcript", text="hello <you> & all", final=True),
        said(1.8, "play.speaking"),
        said(2.5, "play.turn", turn=1, user="hello", reply="Hi.", heard="Hi.", interrupted=False),
        said(3.0, "transcribe.transcript", text="go on", final=True),
        said(3.2, "play.speaking"),
        said(
            4.2,
            "play.turn",
            turn=2,
            user="go on",
            reply="Once upon a time there was a king.",
            heard="Once upon",
            interrupted=True,
        ),
    ]


async def the_call(proxy: Proxy) -> dict[str, Any]:
    stored = (await proxy.get("/api/calls")).json["calls"]
    assert len(stored) == 1
    return dict(stored[0])


async def test_a_call_as_it_is_read_again(start_proxy: StartProxy, database: Path) -> None:
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, *conversation())
    for _ in range(2):
        summary = await the_call(proxy)
        assert (summary["room"], summary["turns"], summary["agent_id"]) == ("r", 2, "agent-7")
        assert summary["started"] == START
        whole = (await proxy.get(f"/api/calls/{summary['id']}")).json
        assert [item["at"] for item in whole["events"]] == sorted(
            item["at"] for item in whole["events"]
        )
        assert [verdict["stage"] for verdict in whole["verdicts"]][:2] == ["system", "token"]
        lines = [(line["speaker"], line["text"]) for line in whole["transcript"]]
        assert lines == [
            ("caller", "hello <you> & all"),
            ("agent", "Hi."),
            ("caller", "go on"),
            ("agent", "Once upon"),
        ]
        assert whole["transcript"][3]["reply"] == "Once upon a time there was a king."
        await proxy.runner.cleanup()
        proxy = await start_proxy(calls_database=database)
        await opened(proxy)


async def test_a_call_as_subtitles(proxy: Proxy) -> None:
    await posted(proxy, *conversation(), room="my room/1")
    ident = (await the_call(proxy))["id"]
    answer = await proxy.get(f"/api/calls/{ident}?format=vtt")
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="call-my-room-1-{ident}.vtt"'
    )
    assert answer.body.decode() == (
        "WEBVTT - Call in room my room/1\n\n"
        "00:00:00.500 --> 00:00:01.500\n<v Caller>hello &lt;you&gt; &amp; all\n\n"
        "00:00:01.800 --> 00:00:02.500\n<v Agent>Hi.\n\n"
        "00:00:02.231 --> 00:00:03.000\n<v Caller>go on\n\n"
        "00:00:03.200 --> 00:00:04.200\n<v Agent>Once upon [interrupted]\n"
    )


async def test_a_call_as_a_file(proxy: Proxy) -> None:
    await posted(proxy, *conversation())
    ident = (await the_call(proxy))["id"]
    answer = await proxy.get(f"/api/calls/{ident}?format=json")
    assert answer.headers["Content-Disposition"].endswith(f'call-r-{ident}.json"')
    assert answer.json["call"]["id"] == ident
    assert (await proxy.get(f"/api/calls/{ident}?format=mp3")).status == 400


async def test_a_call_is_over_for_people_when_its_caller_has_gone(proxy: Proxy) -> None:
    gone = event("disconnected", stage="media", at=START + 9, data={"intended": True})
    await posted(proxy, event("connected", stage="media", at=START), room="quiet")
    assert (await the_call(proxy))["ended"] is None
    await posted(proxy, gone, room="quiet")
    assert (await the_call(proxy))["ended"] == START + 9


async def test_the_newest_come_first_page_by_page(proxy: Proxy) -> None:
    for number in range(5):
        await posted(proxy, event(at=START + number), room=f"room-{number}")
    first = (await proxy.get("/api/calls?limit=2")).json["calls"]
    assert [call["room"] for call in first] == ["room-4", "room-3"]
    second = (await proxy.get(f"/api/calls?limit=2&before={first[-1]['started']}")).json["calls"]
    assert [call["room"] for call in second] == ["room-2", "room-1"]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "before=x", "before=nan"])
async def test_questions_that_make_no_sense(proxy: Proxy, query: str) -> None:
    answer = await proxy.get(f"/api/calls?{query}")
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")


async def test_a_call_is_deleted_with_all_its_events(
    proxy: Proxy, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await posted(proxy, event())
    ident = (await the_call(proxy))["id"]
    refused = await proxy.ask("DELETE", f"/api/calls/{ident}")
    assert (refused.status, refused.json["error"]) == (409, "CALL_OPEN")
    assert keys(database)
    monkeypatch.setattr(api, "GOING_ON_S", 0.0)
    assert (await proxy.ask("DELETE", f"/api/calls/{ident}")).status == 200
    assert rows(database, "SELECT count(*) FROM events") == [(0,)]
    assert rows(database, "SELECT count(*) FROM calls") == [(0,)]
    for method in ("GET", "DELETE"):
        answer = await proxy.ask(method, f"/api/calls/{ident}")
        assert (answer.status, answer.json["error"]) == (404, "UNKNOWN_CALL")


@pytest.mark.parametrize("ident", ["nobody", "a%20b", "x" * 65, "..%2f"])
async def test_calls_that_are_none(proxy: Proxy, ident: str) -> None:
    for method in ("GET", "DELETE"):
        assert (await proxy.ask(method, f"/api/calls/{ident}")).status in (400, 404)


async def test_a_call_does_not_grow_without_end(start_proxy: StartProxy, database: Path) -> None:
    proxy = await start_proxy(calls_database=database, call_events_max=100)
    for _ in range(3):
        await posted(proxy, *(event("stats", "media") for _ in range(40)))
    await posted(proxy, *(event("turn", "play") for _ in range(40)))
    notes = rows(database, "SELECT data FROM events WHERE name = 'timeline_full' ORDER BY seq")
    assert "one in 10" in notes[0][0]
    assert "CALL_EVENTS_MAX" in notes[1][0]
    assert len(notes) == 2
    (stored,) = rows(database, "SELECT count(*) FROM events WHERE name != 'timeline_full'")[0]
    assert 95 <= stored <= 101
    (turns,) = rows(database, "SELECT count(*) FROM events WHERE name = 'turn'")[0]
    assert turns > 10
    await posted(proxy, event("transcript", "transcribe"))
    assert rows(database, "SELECT 1 FROM events WHERE stage = 'transcribe'") == []


async def test_too_many_and_too_old_calls_are_deleted(database: Path) -> None:
    store = await open_store(DatabaseUrl(path=database))
    now = time.time()
    starts = [now - days * 86400 for days in (0, 1, 2, 3, 40)]
    blank = dict.fromkeys(("agent_id", "failing", "cause", "worst", "verdicts"))
    calls = [
        {**blank, "id": f"c{n}", "room": "r", "started": at, "ended": at, "turns": 0, "events": 0}
        for n, at in enumerate(starts)
    ]
    calls[3]["ended"] = None
    await store.write(calls, [])
    assert await store.prune(kept=2, days=30) == 2
    left = [call["id"] for call in await store.calls(10, None)]
    assert left == ["c0", "c1", "c3"]  # that of three days ago still goes on
    await store.aclose()


async def test_late_events_go_to_the_call_they_belong_to(
    start_proxy: StartProxy, database: Path
) -> None:
    """The agent delivers from its spool what happened in a call before the last one."""
    proxy = await start_proxy(calls_database=database)
    long_ago = time.time() - 3600
    await posted(proxy, event("one", at=long_ago))
    await proxy.runner.cleanup()
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("two"))
    late = event("late", at=long_ago + 5)
    assert (await posted(proxy, late))["accepted"] == 1
    assert (await posted(proxy, late))["known"] == 1
    stored = rows(
        database,
        "SELECT calls.started, events.name FROM events JOIN calls ON calls.id = call_id "
        "WHERE stage = 'signal' ORDER BY at",
    )
    assert [name for _, name in stored] == ["one", "late", "two"]
    assert [at == long_ago for at, _ in stored] == [True, True, False]
    newest, oldest = (await proxy.get("/api/calls")).json["calls"]
    assert oldest["events"] == 2
    assert newest["ended"] is None
    assert oldest["ended"] is not None


async def test_nothing_is_answered_of_a_room_that_nobody_reports_of(proxy: Proxy) -> None:
    answer = (await proxy.get("/api/rooms/silent/verdicts")).json
    assert answer["call"] is None
    assert {verdict["state"] for verdict in answer["verdicts"][1:]} == {"not reached"}
    assert len(answer["verdicts"]) == 12
    assert (await post(proxy, [], agent_token("silent"), "silent")).status == 200
    assert (await proxy.get("/api/calls")).json["calls"] == []
