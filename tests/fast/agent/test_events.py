"""Events have one shape and never grow over a data packet."""

from __future__ import annotations

import json
import logging

import pytest

from agent.events import LONGEST_EVENT, Event, encode
from tests.fast.agent.kept_events import Kept, collected

pytestmark = pytest.mark.usefixtures("any_events")


def test_the_shape() -> None:
    events, told = collected()
    events.emit("think", "tool_call", id="call_1", name="memory_insert", arguments="{}")
    (event,) = told
    assert set(event) == {"at", "room", "source", "stage", "name", "data", "key"}
    assert (event["room"], event["source"]) == ("r", "agent")
    assert (event["stage"], event["name"]) == ("think", "tool_call")
    assert event["data"] == {"id": "call_1", "name": "memory_insert", "arguments": "{}"}


@pytest.mark.parametrize("text", ["x" * 50_000, "ü" * 50_000, {"deep": ["y" * 20_000] * 3}])
def test_a_long_event_is_cut_and_says_so(text: object) -> None:
    events, told = collected()
    events.emit("think", "tool_return", id="call_1", text=text)
    payload = encode(told[0])
    assert len(payload) <= LONGEST_EVENT
    data = json.loads(payload)["data"]
    assert data["id"] == "call_1"
    assert "bytes" in data["cut"]


def test_an_event_with_very_many_values_is_cut_too() -> None:
    events, told = collected()
    events.emit("think", "usage", **{f"value_{n}": "z" * 1_000 for n in range(100)})
    payload = encode(told[0])
    assert len(payload) <= LONGEST_EVENT
    assert "bytes" in json.loads(payload)["data"]["cut"]


def test_a_sink_that_fails_is_logged_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, told = collected()

    class Broken(Kept):
        def __call__(self, event: Event) -> None:
            raise OSError("the disk is full")

    events.sinks.insert(0, Broken())
    with caplog.at_level(logging.ERROR):
        events.emit("hear", "speech_started")
    assert len(told) == 1
    assert "the disk is full" in caplog.text
