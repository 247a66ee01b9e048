"""Which call an event belongs to, when people come back to the same room."""

from __future__ import annotations

from typing import Any

import pytest

from common.events import Event, Source, Stage
from proxy.timeline.call import CallRecord
from proxy.timeline.calls_live import CALLS_MAX, REMEMBERED_S, SILENCE_S, LiveCalls

T = 1_800_000_000.0


def event(at: float, topic: str, source: Source = "browser", **data: Any) -> Event:
    stage, _, name = topic.partition(".")
    known: Stage = stage  # type: ignore[assignment]
    return Event(T + at, "r", source, known, name, data, key=f"{at}-{topic}")


def call(calls: LiveCalls, *events: Event, ended: float | None = None) -> CallRecord:
    made = CallRecord("r", events[0].at)
    for event in events:
        made.add(event)
    if ended is not None:
        made.end(T + ended)
    calls.install(made)
    return made


@pytest.fixture
def calls() -> LiveCalls:
    return LiveCalls()


def test_what_happened_before_the_first_event_that_came_in(calls: LiveCalls) -> None:
    mine = call(calls, event(0, "token.issued", "proxy"))
    assert calls.place(event(-0.1, "token.requested"), T) is mine
    assert calls.place(event(-20, "media.stats"), T) is mine
    assert calls.place(event(-3600, "media.stats", "agent"), T) is None


def test_what_comes_late_after_the_end(calls: LiveCalls) -> None:
    mine = call(calls, event(0, "token.issued", "proxy"), ended=60)
    assert calls.place(event(30, "media.stats"), T + 60) is mine
    assert calls.place(event(61, "job.ended", "agent"), T + 62) is mine
    assert calls.place(event(300, "media.stats"), T + 300) is None
    assert calls.place(event(62, "token.requested"), T + 62) is None


def test_between_two_calls(calls: LiveCalls) -> None:
    first = call(calls, event(0, "token.issued", "proxy"), ended=60)
    second = call(calls, event(65, "token.issued", "proxy"))
    assert calls.place(event(64.9, "token.requested"), T + 66) is second
    assert calls.place(event(64.9, "media.disconnected"), T + 66) is first
    assert calls.place(event(70, "media.stats"), T + 70) is second


def test_a_new_token_after_hanging_up_begins_another_call(calls: LiveCalls) -> None:
    mine = call(
        calls,
        event(0, "token.issued", "proxy"),
        event(1, "media.connected"),
        event(20, "media.disconnected", intended=True),
    )
    again = event(22, "token.issued", "proxy")
    assert calls.place(again, T + 22) is None
    assert calls.ending_before(again) is mine
    mine.add(event(21, "media.connected"))
    assert calls.place(again, T + 22) is mine


def test_a_new_token_while_somebody_is_there_does_not(calls: LiveCalls) -> None:
    mine = call(
        calls,
        event(0, "token.issued", "proxy"),
        event(1, "signal.participant_joined", "sfu", identity="caller-1"),
        event(2, "media.disconnected", intended=True),
    )
    assert calls.place(event(100, "token.issued", "proxy"), T + 100) is mine
    mine.add(event(101, "signal.participant_left", "sfu", identity="caller-1"))
    assert calls.place(event(102, "token.issued", "proxy"), T + 102) is None


def test_what_the_job_before_says_in_the_time_of_the_next_call(calls: LiveCalls) -> None:
    first = call(calls, event(1, "join.participant_joined", "sfu", identity="agent-1"), ended=60)
    second = call(calls, event(62, "token.issued", "proxy"))
    assert calls.place(event(63, "job.ended", "agent"), T + 63) is first
    leaves = event(63, "join.participant_left", "sfu", identity="agent-1")
    assert calls.place(leaves, T + 63) is first
    assert calls.place(event(64, "job.accepted", "agent"), T + 64) is second
    second.add(event(64, "job.accepted", "agent"))
    assert calls.place(event(65, "job.ended", "agent"), T + 65) is second


def test_a_caller_is_known_by_the_token(calls: LiveCalls) -> None:
    first = call(calls, event(0, "token.issued", "proxy", identity="alice"), ended=60)
    second = call(calls, event(100, "token.issued", "proxy", identity="alice"))
    assert calls.of_token("r", "alice", T) is first
    assert calls.of_token("r", "alice", T + 99) is second
    assert calls.of_token("r", "bob", T) is None


def test_silent_and_too_many_calls_end(calls: LiveCalls) -> None:
    made_calls = []
    for number in range(CALLS_MAX + 2):
        call = CallRecord(f"room-{number}", T)
        call.heard_at = 1000.0 + number
        calls.install(call)
        made_calls.append(call)
    silent, forgotten = calls.outdated(1000.0 + CALLS_MAX + 2)
    assert silent == made_calls[:2]
    assert forgotten == []
    silent, _ = calls.outdated(1000.5 + SILENCE_S + 9)
    assert silent == made_calls[:10]
    made_calls[0].end(T)
    made_calls[0].ended_at = 2000.0
    _, forgotten = calls.outdated(2001.0 + REMEMBERED_S)
    assert forgotten == made_calls[:1]


def test_a_stored_call_goes_on_with_what_came_in_since_the_start(calls: LiveCalls) -> None:
    issued, joined = event(0, "token.issued"), event(1, "join.participant_joined", "sfu")
    stored = CallRecord("r", T)
    for old in (issued, joined):
        stored.add(old)
    now = call(calls, joined, event(2, "play.turn", "agent"))  # reported again, and a new one
    calls.resume(stored)
    assert calls.current("r") is now
    assert (now.id, now.started, now.turns) == (stored.id, T, 1)
    topics = ["token.issued", "join.participant_joined", "play.turn"]
    assert [kept.topic for kept in now.arrivals] == topics
    assert [kept.topic for kept in now.history] == topics


def test_a_stored_call_is_taken_as_it_is_when_nothing_came_in(calls: LiveCalls) -> None:
    stored = CallRecord("r", T)
    calls.resume(stored)
    assert calls.current("r") is stored
