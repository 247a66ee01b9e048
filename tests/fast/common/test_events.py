"""The table of events: it is what the code sends and reads, and what the recorded calls hold."""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.events import Events
from common import event_check, event_docs
from common.event_table import EVENTS
from common.events import SOURCES, STAGES
from proxy.timeline.event_data import make_event
from tests.running_system import ROOT

OBSERVED = ROOT / "proxy" / "observer"
"""Tells in the agent's name what the agent shows in the room."""
ROOM_OF_SOURCE = {"agent": "agent", "proxy": "proxy", "sfu": "proxy", "browser": "web/call"}
FOREIGN = {
    ("agent", "job.failed"),
    ("agent", "think.failed"),
    ("agent", "speak.failed"),
    ("agent", "transcribe.failed"),
    ("browser", "media.error"),
    ("browser", "hear.error"),
    ("browser", "join.failed"),
}
"""In histories that show how an event that nobody knows is judged."""


def test_the_page_of_events_is_the_table() -> None:
    assert event_docs.main(["--check"]) == 0, event_docs.WRITE


def test_a_page_that_is_not_the_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert event_docs.main(["--check"], tmp_path) == 1
    assert "common.event_docs" in capsys.readouterr().err


def test_each_name_that_is_read_is_in_the_table() -> None:
    unknown = {
        (topic, str(path)) for topic, path in event_docs.named_topics() if topic not in EVENTS
    }
    assert not unknown


def test_what_the_code_sends_is_as_the_table_has_it() -> None:
    sent = list(_sent("agent")) + list(_sent("proxy"))
    assert len(sent) > 40
    for room, where, topic, keys in sent:
        event_type = EVENTS.get(topic)
        assert event_type is not None, f"{where} sends {topic}"
        assert any(ROOM_OF_SOURCE[source] == room for source in event_type.sources), where
        assert event_type.open or keys <= event_type.data.keys(), f"{where}: {keys}"


@pytest.mark.parametrize("topic", EVENTS)
def test_each_event_of_the_table_is_sent_by_somebody(topic: str) -> None:
    name = topic.partition(".")[2]
    for source in EVENTS[topic].sources:
        literals = [f"{quote}{text}{quote}" for text in (name, topic) for quote in "'\""]
        assert any(literal in text for text in _texts(source) for literal in literals), (
            f"{source} does not send {topic}"
        )


def test_what_the_recorded_calls_hold_is_in_the_table() -> None:
    seen = 0
    for path in sorted(ROOT.glob("tests/**/histories/**/*.json")):
        for source, topic, data in _rows(json.loads(path.read_text())):
            if (source, topic) not in FOREIGN:
                wrong = list(event_check.differences(source, topic, data, whole=False))
                assert not wrong, f"{path.name}: {topic} of {source}: {wrong}"
                seen += 1
    assert seen > 1000


@pytest.mark.parametrize(
    "topic, data, why",
    [
        ("think.guessed", {}, "no such event"),
        ("token.issued", {}, "it comes from proxy"),
        ("play.interrupted", {"turn": 1}, "lacks 'heard'"),
        ("play.interrupted", {"turn": 1.5, "heard": ""}, "turn is 1.5"),
        ("play.interrupted", {"turn": True, "heard": ""}, "turn is True"),
        (
            "job.health",
            {"lag": float("nan"), "errors": 0, "memory_mb": 1, "cpu_s": 1},
            "lag is nan",
        ),
        ("hear.speech_started", {"loud": True}, "no 'loud'"),
    ],
)
def test_an_event_that_is_otherwise_fails_the_test_that_sends_it(
    topic: str, data: dict[str, Any], why: str
) -> None:
    stage, _, name = topic.partition(".")
    with pytest.raises(event_check.UnknownEvent, match=why):
        Events("room", "AJ_1").emit(stage, name, **data)


def test_the_proxy_sends_only_what_is_in_the_table() -> None:
    with pytest.raises(event_check.UnknownEvent, match="no such event"):
        make_event("room", "dispatch", "guessed", {})
    assert make_event("room", "dispatch", "gave_up", {"message": "m"}).topic == "dispatch.gave_up"


def test_in_a_call_nothing_fails_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_check, "strict", False)
    Events("room", "AJ_1").emit("think", "guessed", anything=1)


def test_an_event_that_was_cut_may_lack_what_was_cut() -> None:
    assert not list(event_check.differences("agent", "play.interrupted", {"cut": "too long"}))


def test_every_row_is_well_formed() -> None:
    types = {"string", "number", "integer", "boolean", "array", "object", "null"}
    for topic, event_type in EVENTS.items():
        assert event_type.stage in STAGES and topic == topic.lower()
        assert event_type.sources and set(event_type.sources) <= set(SOURCES), topic
        assert event_type.meaning.endswith("."), topic
        for key, data_field in event_type.data.items():
            assert set(data_field.types) <= types and data_field.meaning, f"{topic} {key}"


def _sent(room: str) -> Iterator[tuple[str, str, str, set[str]]]:
    """Each call that has a stage and a name beside each other: who, where, what, its keywords."""
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(
                ("emit", "note", "make_event", "tell")
            ):
                continue
            words = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
            for stage, name in itertools.pairwise(words):
                if stage in STAGES and isinstance(name, str):
                    keys = {word.arg for word in node.keywords if word.arg and room == "agent"}
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield room, where, f"{stage}.{name}", keys
                    break


def _texts(source: str) -> Iterator[str]:
    folders = [ROOT / ROOM_OF_SOURCE[source], *([OBSERVED] if source == "agent" else [])]
    for folder, pattern in itertools.product(folders, ("*.py", "*.js")):
        for path in folder.rglob(pattern):
            yield path.read_text()


def _rows(loaded: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The events of a history: `[at, source, "stage.name", data]`."""
    if isinstance(loaded, list) and len(loaded) >= 3 and loaded[1] in SOURCES:
        yield loaded[1], loaded[2], loaded[3] if len(loaded) > 3 else {}
    elif isinstance(loaded, list | dict):
        for part in loaded.values() if isinstance(loaded, dict) else loaded:
            yield from _rows(part)
