"""The state machine of a dispatch: its table in the documents, and what a table cannot show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from proxy.dispatch import messages, table
from proxy.dispatch.messages import (
    CreateDispatch,
    Dispatched,
    Log,
    Looked,
    LookFailed,
    Note,
    ReplaceAgent,
    Requested,
    StopMonitor,
    TimePassed,
)
from proxy.dispatch.records import DispatchRequest, State
from proxy.dispatch.table import (
    AGENT,
    BUSY,
    COMING,
    DIED,
    NO_AGENT,
    NO_ROOM,
    NONE_REGISTERED,
    NOW,
    PRESENT,
    READY,
    RECORDS,
    SIGHTINGS,
    Sighting,
)
from proxy.dispatch.transition import transition

BEGIN = "<!-- dispatch:begin -->"
REWRITE = "run .venv/bin/python -m proxy.dispatch.table"


def test_the_table_covers_each_state_with_each_sighting() -> None:
    rows = table.rows()
    for sighting in {sighting.words for sighting in SIGHTINGS}:
        states = [state for row in rows if row.seen == sighting for state in row.states]
        assert sorted(states) == sorted(State), sighting
    assert {row.next for row in rows} == {None, *State}, "each state is reached"


def test_the_table_shows_each_sighting_and_each_effect() -> None:
    assert {type(sighting.seen) for sighting in SIGHTINGS} == set(get_args(messages.Seen))
    effects = {
        type(effect)
        for sighting in SIGHTINGS
        for record in RECORDS.values()
        for effect in transition(sighting.given(record), sighting.seen, NOW)[1]
    }
    assert effects == set(get_args(messages.Effect))


def test_the_table_in_the_documents_is_up_to_date() -> None:
    assert table.main(["--check"]) == 0, REWRITE


def test_a_stale_table_is_told_and_rewritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n<!-- dispatch:end -->\nafter\n")
    assert table.main(["--check"], page) == 1
    assert REWRITE in capsys.readouterr().err
    assert table.main([], page) == 0
    assert table.main(["--check"], page) == 0
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
    monkeypatch.setattr(table, "SIGHTINGS", [*SIGHTINGS, Sighting("news", TimePassed())])
    assert table.main(["--check"], page) == 1
    page.write_text("no markers")
    assert table.main([], page) == 1
    assert BEGIN in capsys.readouterr().err


def test_a_record_is_never_changed() -> None:
    for sighting in SIGHTINGS:
        for record in RECORDS.values():
            before = sighting.given(record)
            copy = replace(before, agents_seen=dict(before.agents_seen))
            transition(before, sighting.seen, NOW)
            assert before == copy


def test_a_look_that_fails_the_same_way_is_logged_once() -> None:
    failed = LookFailed("LIVEKIT_TIMEOUT", "no answer")
    record, effects = transition(RECORDS[State.REQUESTED], failed, NOW)
    assert [type(effect) for effect in effects] == [Log]
    assert transition(record, failed, NOW + 1)[1] == ()
    assert transition(record, LookFailed("LIVEKIT_ERROR", "x"), NOW + 1)[1] != ()
    looked, _ = transition(record, Looked(COMING, READY), NOW + 1)
    assert transition(looked, failed, NOW + 2)[1] != (), "it had looked in between"


def test_a_room_that_is_back_in_time_has_not_ended() -> None:
    record, _ = transition(RECORDS[State.WAITING], Looked(NO_ROOM, NONE_REGISTERED), NOW)
    record, _ = transition(record, Looked(NO_AGENT, NONE_REGISTERED), NOW + 20)
    record, effects = transition(record, Looked(NO_ROOM, NONE_REGISTERED), NOW + 40)
    assert (record.state, effects) == (State.WAITING, ())
    record, effects = transition(record, Looked(NO_ROOM, NONE_REGISTERED), NOW + 70)
    assert record.state is State.NONE
    assert StopMonitor() in effects


def test_an_overdue_agent_is_told_once_a_dispatch() -> None:
    overdue = replace(RECORDS[State.REQUESTED], dispatched_at=NOW - 16)
    record, effects = transition(overdue, Looked(NO_AGENT, READY), NOW)
    assert "alarm" in [effect.name for effect in effects if isinstance(effect, Note)]
    record, effects = transition(record, Looked(NO_AGENT, READY), NOW + 1)
    assert [type(effect) for effect in effects] == [CreateDispatch], "it is asked for again"
    record, _ = transition(record, Dispatched("AD_2", None, True), NOW + 1)
    _, effects = transition(record, Looked(COMING, BUSY), NOW + 17)
    assert "alarm" in [effect.name for effect in effects if isinstance(effect, Note)]


def test_a_call_that_goes_on_without_its_agent_is_not_overdue_while_no_worker_is_there() -> None:
    there = replace(RECORDS[State.JOINED], dispatched_at=NOW - 60)
    record, _ = transition(there, Looked(NO_AGENT, NONE_REGISTERED), NOW)
    assert record.state is State.WAITING
    _, effects = transition(record, Looked(NO_AGENT, NONE_REGISTERED), NOW + 1)
    assert effects == ()


def test_a_fault_is_for_the_first_job_only() -> None:
    request = DispatchRequest("agent-1", {"vad_threshold": 0.5}, fault="raise")
    seen = Requested(NO_AGENT, READY, request)
    record, (create,) = transition(RECORDS[State.NONE], seen, NOW)
    assert isinstance(create, CreateDispatch)
    assert '"fault": "raise"' in create.metadata
    record, _ = transition(record, Dispatched("AD_1", request, True), NOW)
    assert record.request == replace(request, fault=None)


def test_a_dispatch_under_way_keeps_what_it_was_made_with() -> None:
    before = replace(
        RECORDS[State.REQUESTED], request=DispatchRequest("agent-1"), dispatch_id="AD_2"
    )
    record, _ = transition(before, Requested(COMING, READY, DispatchRequest("agent-2")), NOW)
    assert record.request.agent_id == "agent-1"
    other = replace(before, dispatch_id="AD_other")
    record, _ = transition(other, Requested(COMING, READY, DispatchRequest("agent-2")), NOW)
    assert record.request.agent_id == "agent-2"


def test_an_exit_that_is_told_twice_brings_one_agent() -> None:
    record = RECORDS[State.JOINED].saw(AGENT, NOW)
    record, effects = transition(record, DIED, NOW)
    assert effects == (ReplaceAgent(DIED),)
    assert transition(record, DIED, NOW)[1] == ()


def test_the_agent_of_a_job_that_died_is_removed_and_replaced() -> None:
    record, _ = transition(RECORDS[State.JOINED], DIED, NOW)
    _, (create,) = transition(record, Looked(PRESENT, READY), NOW)
    assert isinstance(create, CreateDispatch)
    assert create.ghosts == (AGENT,)
