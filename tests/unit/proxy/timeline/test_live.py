"""Which call an event belongs to, when people come back to the same room."""

from __future__ import annotations

from typing import Any

import pytest

from common.events import Event, Source, Stage
from proxy.timeline.call import Call
from proxy.timeline.live import CALLS_MAX, REMEMBERED_S, SILENCE_S, Live

T = 1_800_000_000.0


def event(at: float, topic: str, source: Source = "browser", **data: Any) -> Event:
    stage, _, name = topic.partition(".")
    found: Stage = stage  # type: ignore[assignment]
    return Event(T + at, "r", source, found, name, data, key=f"{at}-{topic}")


def call(live: Live, *events: Event, ended: float | None = None) -> Call:
    made = Call("r", events[0].at)
    for each in events:
        made.add(each)
    if ended is not None:
        made.end(T + ended)
    live.install(made)
    return made


@pytest.fixture
def live() -> Live:
    return Live()


def test_what_happened_before_the_first_event_that_came_in(live: Live) -> None:
    mine = call(live, event(0, "token.issued", "proxy"))
    assert live.place(event(-0.1, "token.requested"), T) is mine
    assert live.place(event(-20, "media.stats"), T) is mine
    assert live.place(event(-3600, "media.stats", "agent"), T) is None


def test_what_comes_late_after_the_end(live: Live) -> None:
    mine = call(live, event(0, "token.issued", "proxy"), ended=60)
    assert live.place(event(30, "media.stats"), T + 60) is mine
    assert live.place(event(61, "job.ended", "agent"), T + 62) is mine
    assert live.place(event(300, "media.stats"), T + 300) is None
    assert live.place(event(62, "token.requested"), T + 62) is None


def test_between_two_calls(live: Live) -> None:
    first = call(live, event(0, "token.issued", "proxy"), ended=60)
    second = call(live, event(65, "token.issued", "proxy"))
    assert live.place(event(64.9, "token.requested"), T + 66) is second
    assert live.place(event(64.9, "media.disconnected"), T + 66) is first
    assert live.place(event(70, "media.stats"), T + 70) is second


def test_a_new_token_after_hanging_up_begins_another_call(live: Live) -> None:
    mine = call(
        live,
        event(0, "token.issued", "proxy"),
        event(1, "media.connected"),
        event(20, "media.disconnected", intended=True),
    )
    again = event(22, "token.issued", "proxy")
    assert live.place(again, T + 22) is None
    assert live.ending_before(again) is mine
    mine.add(event(21, "media.connected"))
    assert live.place(again, T + 22) is mine


def test_a_new_token_while_somebody_is_there_does_not(live: Live) -> None:
    mine = call(
        live,
        event(0, "token.issued", "proxy"),
        event(1, "signal.participant_joined", "sfu", identity="caller-1"),
        event(2, "media.disconnected", intended=True),
    )
    assert live.place(event(100, "token.issued", "proxy"), T + 100) is mine
    mine.add(event(101, "signal.participant_left", "sfu", identity="caller-1"))
    assert live.place(event(102, "token.issued", "proxy"), T + 102) is None


def test_what_the_job_before_says_in_the_time_of_the_next_call(live: Live) -> None:
    first = call(live, event(1, "join.participant_joined", "sfu", identity="agent-1"), ended=60)
    second = call(live, event(62, "token.issued", "proxy"))
    assert live.place(event(63, "job.ended", "agent"), T + 63) is first
    leaves = event(63, "join.participant_left", "sfu", identity="agent-1")
    assert live.place(leaves, T + 63) is first
    assert live.place(event(64, "job.accepted", "agent"), T + 64) is second
    second.add(event(64, "job.accepted", "agent"))
    assert live.place(event(65, "job.ended", "agent"), T + 65) is second


def test_a_caller_is_known_by_the_token(live: Live) -> None:
    first = call(live, event(0, "token.issued", "proxy", identity="alice"), ended=60)
    second = call(live, event(100, "token.issued", "proxy", identity="alice"))
    assert live.of_token("r", "alice", T) is first
    assert live.of_token("r", "alice", T + 99) is second
    assert live.of_token("r", "bob", T) is None


def test_silent_and_too_many_calls_end(live: Live) -> None:
    calls = []
    for number in range(CALLS_MAX + 2):
        made = Call(f"room-{number}", T)
        made.heard_at = 1000.0 + number
        live.install(made)
        calls.append(made)
    silent, forgotten = live.outdated(1000.0 + CALLS_MAX + 2)
    assert silent == calls[:2]
    assert forgotten == []
    silent, _ = live.outdated(1000.5 + SILENCE_S + 9)
    assert silent == calls[:10]
    calls[0].end(T)
    calls[0].ended_at = 2000.0
    _, forgotten = live.outdated(2001.0 + REMEMBERED_S)
    assert forgotten == calls[:1]
