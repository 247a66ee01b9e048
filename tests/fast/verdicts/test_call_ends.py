"""Where a call begins and ends: after its end nothing fails anew, and what failed stays; and which
worker has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from common.events import Stage
from proxy.verdicts import quote
from proxy.verdicts.history import History
from proxy.verdicts.judge import failing, judge
from proxy.verdicts.system_health import VitalsSnapshot
from proxy.verdicts.verdict import Verdict
from tests.fast.verdicts.replay import BEGAN, HEALTHY, PRELUDES, all_rows, events_of, read

HANGS_UP = [5.0, "browser", "media.disconnected", {"intended": True}]
CALLER_LEFT = [
    5.1,
    "sfu",
    "signal.participant_left",
    {"identity": "caller-1", "reason": "CLIENT_INITIATED"},
]
AFTERWARDS: list[list[Any]] = [
    [5.2, "sfu", "join.participant_left", {"identity": "agent-AJ_1"}],
    [5.3, "agent", "job.ended", {"reason": "the caller left"}],
    [5.4, "agent", "job.process_ended", {"job_id": "AJ_1", "exit_code": 0, "signal": None}],
    [25.0, "sfu", "signal.room_finished", {"sid": "RM_1"}],
]


def judged(prelude: str, *more: list[Any], now: float) -> dict[Stage, Verdict]:
    rows = [*all_rows(read(PRELUDES / f"{prelude}.json")), *more]
    return judge(History(events_of(rows)), HEALTHY, BEGAN + now)


@pytest.mark.parametrize("ends", [[HANGS_UP], [CALLER_LEFT], [HANGS_UP, CALLER_LEFT]])
@pytest.mark.parametrize("now", [5.5, 12.0, 60.0])
def test_what_waits_when_the_caller_hangs_up_is_not_reached(
    ends: list[list[Any]], now: float
) -> None:
    known = [row for row in AFTERWARDS if row[0] <= now]
    verdicts = judged("asked", *ends, *known, now=now)
    assert failing(verdicts) is None, verdicts
    assert verdicts["think"].state == "not reached"
    assert verdicts["hear"].state == "ok"


def test_the_job_was_taken_by_this_worker_of_this_code_at_this_server() -> None:
    who = {"worker_id": "AW_1", "code": "0a1b2c3d", "sfu": "ws://localhost:7880"}
    taken = [0.39, "agent", "job.accepted", {"job_id": "AJ_1", **who}]
    verdict = judged("asked", taken, now=2.0)["job"]
    assert verdict.state == "ok"
    named = "The worker AW_1 (code 0a1b2c3d) at ws://localhost:7880 runs the job."
    assert verdict.sentence == named


def test_what_waits_says_how_busy_the_next_link_is() -> None:
    letta = HEALTHY.processes["letta"]
    vitals = VitalsSnapshot(1, cpu=0.97, lag=0.8, errors=2, waiting=3, active_at=BEGAN)
    busy = replace(letta, vitals=(vitals,))
    health = replace(
        HEALTHY,
        processes={**HEALTHY.processes, "letta": busy},
        worker="the worker AW_1, code 0a1b2c3d, at ws://localhost:7880, 3 calls, load 12%",
    )
    rows = all_rows(read(PRELUDES / "asked.json"))
    verdict = judge(History(events_of(rows)), health, BEGAN + 4.2)["think"]
    assert verdict.state == "waiting"
    known = (
        "letta is ready: ready on port 8283; CPU 97% of a core; 3 waiting to be done; "
        "its loop late by 0.8 s; 2 errors within ten minutes; last asked at "
        f"{quote.clock(BEGAN)}"
    )
    assert known in [evidence.text for evidence in verdict.evidence]
    dispatched = [row for row in rows if row[0] <= 0.1 or row[2].startswith("dispatch.")]
    verdict = judge(History(events_of(dispatched)), health, BEGAN + 2.0)["job"]
    assert verdict.state == "waiting"
    assert health.worker in [evidence.text for evidence in verdict.evidence]


@pytest.mark.parametrize(("clipped", "told"), [(0.25, ", 25% of it clipped."), (0.001, ".")])
def test_a_voice_that_is_too_loud_is_told(clipped: float, told: str) -> None:
    spoken: list[list[Any]] = [
        [4.2, "agent", "think.first_token", {"turn": 1, "ms": 90}],
        [4.3, "agent", "speak.request", {"turn": 1, "text": "Hello."}],
        [4.4, "agent", "speak.first_byte", {"turn": 1, "ms": 60}],
        [4.5, "agent", "speak.done", {"ms": 160, "seconds": 1.2, "level": 1, "clipped": clipped}],
    ]
    sentence = judged("asked", *spoken, now=4.6)["speak"].sentence
    assert sentence == f"The reply is spoken: 1.2 s of sound at level 1{told}"


def test_what_failed_before_the_end_still_fails() -> None:
    error = {"code": "letta_error", "message": "500", "kind": "status", "status": 500}
    failed = [4.5, "agent", "think.error", error]
    before = judged("asked", failed, now=4.6)
    after = judged("asked", failed, HANGS_UP, CALLER_LEFT, *AFTERWARDS, now=90.0)
    assert (failing(before), failing(after)) == ("think", "think")
    assert before["think"] == after["think"]


def test_a_second_tab_that_hangs_up_ends_no_call() -> None:
    stats = [6.0, "browser", "media.stats", {"level_in": 0.01}]
    verdicts = judged("asked", HANGS_UP, stats, now=9.0)
    assert verdicts["think"].cause == "no-first-token"


def test_a_second_tab_that_comes_in_takes_nothing_away() -> None:
    again: list[list[Any]] = [
        [4.0, "browser", "media.stats", {"level_in": 0.01}],
        HANGS_UP,
        [6.0, "browser", "media.stats", {"level_in": 0.01}],
        [7.0, "browser", "token.requested", {}],
        [7.0, "proxy", "token.issued", {"identity": "caller-2"}],
        [7.1, "browser", "token.received", {"identity": "caller-2", "ms": 50}],
        [8.0, "browser", "media.stats", {"level_in": 0.01}],
    ]
    verdicts = judged("answered", *again, now=20.0)
    assert failing(verdicts) is None, verdicts
    assert verdicts["join"].state == "ok"


def test_a_call_after_a_call_begins_anew() -> None:
    error = {"code": "letta_error", "message": "500", "kind": "status", "status": 500}
    again: list[list[Any]] = [
        [4.5, "agent", "think.error", error],
        HANGS_UP,
        CALLER_LEFT,
        *AFTERWARDS[:3],
        [8.0, "browser", "token.requested", {}],
        [8.0, "proxy", "token.issued", {"identity": "caller-2"}],
    ]
    verdicts = judged("asked", *again, now=8.1)
    assert failing(verdicts) is None, verdicts
    assert verdicts["think"].state == "not seen yet" and verdicts["token"].state == "waiting"


def test_a_room_without_a_call_has_only_a_system() -> None:
    verdicts = judge(History(), HEALTHY, BEGAN)
    assert verdicts["system"].state == "ok"
    assert {verdict.state for stage, verdict in verdicts.items() if stage != "system"} == {
        "not seen yet"
    }


def test_an_agent_that_nobody_came_to_leaves_in_peace() -> None:
    rows: list[list[Any]] = [
        [0.0, "proxy", "dispatch.made", {"dispatch_id": "AD_1"}],
        [0.2, "agent", "job.accepted", {"job_id": "AJ_1"}],
        [0.5, "sfu", "join.participant_joined", {"identity": "agent-AJ_1"}],
        [0.6, "agent", "job.ctx_connected", {"elapsed_ms": 90}],
        [0.9, "agent", "job.session_started", {"elapsed_ms": 300}],
        [20.0, "sfu", "join.participant_left", {"identity": "agent-AJ_1"}],
        [20.1, "agent", "job.ended", {"reason": "nobody came"}],
    ]
    verdicts = judge(History(events_of(rows)), HEALTHY, BEGAN + 30.0)
    assert failing(verdicts) is None, verdicts
