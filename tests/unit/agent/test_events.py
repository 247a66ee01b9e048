"""Events have one shape, never grow over a data packet, and tell the split of each turn."""

from __future__ import annotations

import json
import logging

import pytest
from livekit.agents import llm

from agent.events import LONGEST_EVENT, Event, encode
from agent.turns import Turns
from tests.unit.agent.kept_events import Kept, collected

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


def spoken(text: str, interrupted: bool = False, at: float | None = None) -> llm.ChatMessage:
    metrics: llm.MetricsReport = {} if at is None else {"started_speaking_at": at}
    return llm.ChatMessage(
        role="assistant", content=[text], interrupted=interrupted, metrics=metrics
    )


def test_the_split_of_a_turn_counts_from_the_end_of_speech() -> None:
    events, told = collected()
    turns = Turns(events)
    record = turns.request("hello")
    asked = llm.ChatMessage(role="user", content=["hello"])
    ended = record.requested_at - 0.3
    asked.metrics = {
        "stopped_speaking_at": ended,
        "transcription_delay": 0.2,
        "end_of_turn_delay": 0.3,
    }
    turns.item_added(asked)
    turns.token(record, "Hi.")
    voicing = turns.voicing()
    voicing.written("Hi.", whole=True)
    voicing.first_byte()
    voicing.done()
    turns.first_sound(ended + 0.6)
    turns.replied(record, "end_turn")
    turns.item_added(spoken("Hi.", at=ended + 0.7))
    turns.finish()
    (turn,) = [one["data"] for one in told if one["name"] == "turn"]
    assert turn["ms"]["transcript"] == 200.0
    assert turn["ms"]["end_of_utterance"] == 300.0
    assert turn["ms"]["first_sound"] == 600.0
    assert 300 <= turn["ms"]["letta_first_token"] <= turn["ms"]["tts_first_byte"]
    assert (turn["user"], turn["reply"], turn["heard"]) == ("hello", "Hi.", "Hi.")
    assert turn["interrupted"] is False


def test_an_interrupted_turn_tells_what_was_heard() -> None:
    events, told = collected()
    turns = Turns(events)
    record = turns.request("tell me a story")
    turns.token(record, "Once upon a time")
    turns.item_added(spoken("Once upon", interrupted=True))
    turns.request("stop")
    names = [one["name"] for one in told]
    assert names.count("turn") == 1
    assert names.index("turn") < len(names) - 1, "the old turn ends before the new one begins"
    (cut,) = [one["data"] for one in told if one["name"] == "interrupted"]
    assert cut == {"turn": 1, "heard": "Once upon"}


def test_a_typed_turn_has_no_times_of_speech() -> None:
    events, told = collected()
    turns = Turns(events)
    record = turns.request("hello")
    turns.item_added(llm.ChatMessage(role="user", content=["hello"]))
    turns.token(record, "Hi.")
    turns.finish()
    (turn,) = [one["data"] for one in told if one["name"] == "turn"]
    assert turn["ms"]["end_of_utterance"] is None
    assert turn["ms"]["transcript"] is None
    assert turn["ms"]["letta_first_token"] is not None
    assert turn["ms"]["first_sound"] is None


def test_a_reply_on_its_way_through_the_voice() -> None:
    events, told = collected()
    turns = Turns(events)
    voicing = turns.voicing()  # opened before the turn is known, as LiveKit does
    record = turns.request("hello")
    turns.token(record, "Hi there, ")
    for text in ("Hi", "Hi there", "Hi there, ", "Hi there, Anna."):
        voicing.written(text)
    voicing.first_byte()
    voicing.done()
    voicing.close()
    spoken = [(one["name"], one["data"]) for one in told if one["stage"] == "speak"]
    assert [name for name, _ in spoken] == ["request", "first_byte", "done"]
    assert all(data["turn"] == 1 for _, data in spoken)
    assert spoken[0][1]["text"] == "Hi there,"
    assert "interrupted" not in spoken[2][1]


def test_what_is_not_a_reply_has_no_turn_and_an_interruption_ends_it() -> None:
    events, told = collected()
    turns = Turns(events)
    greeting = turns.voicing()
    greeting.written("Welcome", whole=True)
    greeting.close()
    assert [one["name"] for one in told] == ["request", "done"]
    assert [one["data"]["turn"] for one in told] == [None, None]
    assert told[1]["data"]["interrupted"] is True


def test_a_voice_that_failed_is_not_done() -> None:
    events, told = collected()
    voicing = Turns(events).voicing()
    voicing.written("Welcome.", whole=True)
    voicing.failed()
    voicing.close()
    assert [one["name"] for one in told] == ["request"]
