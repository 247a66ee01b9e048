"""Each cause is named by the history in which it happened, and gone when it is mended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.events import STAGES
from proxy.verdicts.history import History
from proxy.verdicts.judge import failing, judge
from proxy.verdicts.stages import OF_ANOTHER_AGENT, RULES
from proxy.verdicts.system_health import SystemHealth
from proxy.verdicts.verdict import UNKNOWN
from tests.fast.verdicts.replay import (
    BEGAN,
    HISTORIES,
    all_rows,
    events_of,
    health_of,
    read,
)

FILES = sorted(path for path in HISTORIES.glob("*/*.json") if path.parent.name in STAGES)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_cause_is_named(path: Path) -> None:
    history = read(path)
    verdicts = judge(
        History(events_of(all_rows(history))),
        _at(health_of(history.get("health", {}))),
        BEGAN + history["now"],
    )
    expect = history["expect"]
    judged = verdicts[expect["stage"]]
    assert (judged.state, judged.cause) == (expect["state"], expect["cause"]), judged
    for name, text in (
        ("sentence", judged.sentence),
        ("next", judged.next),
        ("evidence", " | ".join(quoted.text for quoted in judged.evidence)),
    ):
        for words in expect.get(name, []):
            assert words in text, f"{name} lacks {words!r}: {text}"
    assert judged.evidence, f"no evidence: {judged}"
    assert judged.sentence.endswith((".", "…", "!", "?")) or ":" in judged.sentence, judged.sentence
    if expect["state"] == "failing":
        assert failing(verdicts) == expect["stage"], failing(verdicts)
        assert judged.next, judged
    else:
        assert failing(verdicts) is None, verdicts[failing(verdicts) or "system"]
    order = {stage: place for place, stage in enumerate(STAGES)}
    for stage, verdict in verdicts.items():
        if expect["state"] == "failing" and order[stage] > order[expect["stage"]]:
            assert verdict.state in ("ok", "not reached"), verdict


@pytest.mark.parametrize("path", [path for path in FILES if "cleared" in read(path)], ids=_name)
def test_a_cause_is_cleared(path: Path) -> None:
    history = read(path)
    then: dict[str, Any] = history["cleared"]
    rows = [*all_rows(history), *then.get("events", [])]
    verdicts = judge(
        History(events_of(rows)),
        _at(health_of(then.get("health", {}))),
        BEGAN + then["now"],
    )
    assert failing(verdicts) is None, verdicts[failing(verdicts) or "system"]
    judged = verdicts[history["expect"]["stage"]]
    assert judged.cause != history["expect"]["cause"] or judged.state == "ok", judged


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_the_order_of_arrival_does_not_matter(path: Path) -> None:
    history = read(path)
    events = events_of(all_rows(history))
    health, now = _at(health_of(history.get("health", {}))), BEGAN + history["now"]
    late = [*events[1::2], *events[::2]]
    assert judge(History(late), health, now) == judge(History(events), health, now)


NEUTRAL: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("agent", "join.conversation", {"conversation_id": "conv-2"}),
    ("agent", "job.health", {"lag": 0.01, "errors": 1, "memory_mb": 200, "cpu_s": 3}),
    ("browser", "media.stats", {"level_in": 0.01, "level_out": 0.0}),
    ("browser", "join.agent_state", {"from": "thinking", "to": "listening"}),
    ("agent", "hear.speech_started", {}),
    ("agent", "think.request", {"turn": 9, "text": "are you there"}),
    ("proxy", "system.probe", {"name": "letta key", "problem": ""}),
)
"""What may happen while a failure lasts, and proves nothing of what failed."""


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.sampled_from(FILES), st.lists(st.sampled_from(NEUTRAL), max_size=3), st.floats(0.1, 60))
def test_a_cause_stays_known_while_its_failure_lasts(
    path: Path, later: list[tuple[str, str, dict[str, Any]]], seconds: float
) -> None:
    history = read(path)
    expect, at = history["expect"], history["now"]
    assume(expect["state"] == "failing" and expect["cause"] != UNKNOWN)
    rows = [[at + 0.1 * (n + 1), *row] for n, row in enumerate(later)]
    verdicts = judge(
        History(events_of([*all_rows(history), *rows])),
        _at(health_of(history.get("health", {}))),
        BEGAN + at + 0.4 + seconds,
    )
    judged = verdicts[expect["stage"]]
    assert judged.state != "failing" or judged.cause != UNKNOWN, judged


def test_every_cause_has_a_history() -> None:
    named = {
        (history["expect"]["stage"], history["expect"]["cause"]) for history in map(read, FILES)
    }
    all_rules = [*RULES.items(), *OF_ANOTHER_AGENT.items()]
    registered = {(stage, code) for stage, rules in all_rules for code in rules.causes}
    assert registered - named == set(), "causes without a history"
    assert {code for _, code in named - registered} <= {UNKNOWN, ""}


def test_every_failing_cause_is_cleared_by_a_history() -> None:
    lacking = [
        _name(path)
        for path in FILES
        if (history := read(path))["expect"]["state"] == "failing" and "cleared" not in history
    ]
    assert lacking == []


def _at(health: SystemHealth) -> SystemHealth:
    return replace(health, at=BEGAN)
