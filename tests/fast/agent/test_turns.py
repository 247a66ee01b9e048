"""A turn is told as events from its request to the end of its reply, with the split of its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import llm

from agent.speech.spoken_text import SpokenText
from agent.turns import Turns
from tests.fast.agent.hearing import frame
from tests.fast.agent.kept_events import collected


def nothing() -> None:
    """Nobody waits for the end of the reply."""


def spoken(text: str, interrupted: bool = False, at: float | None = None) -> llm.ChatMessage:
    metrics: llm.MetricsReport = {} if at is None else {"started_speaking_at": at}
    return llm.ChatMessage(
        role="assistant", content=[text], interrupted=interrupted, metrics=metrics
    )


def test_the_split_of_a_turn_counts_from_the_end_of_speech() -> None:
    events, emitted = collected()
    turns = Turns(events)
    record = turns.request("hello", nothing)
    user_message = llm.ChatMessage(role="user", content=["hello"])
    ended = record.requested_at - 0.3
    user_message.metrics = {
        "stopped_speaking_at": ended,
        "transcription_delay": 0.2,
        "end_of_turn_delay": 0.3,
    }
    turns.item_added(user_message)
    turns.token(record, "Hi.")
    spoken_text = SpokenText(events, turns.speech_owner)
    spoken_text.add_text("Hi.", whole=True)
    spoken_text.add_sound(frame(0.1, 8000))
    spoken_text.done()
    turns.first_sound(ended + 0.6)
    turns.replied(record, "end_turn")
    turns.item_added(spoken("Hi.", at=ended + 0.7))
    turns.finish()
    (turn,) = [event["data"] for event in emitted if event["name"] == "turn"]
    assert turn["ms"]["transcript"] == 200.0
    assert turn["ms"]["end_of_utterance"] == 300.0
    assert turn["ms"]["first_sound"] == 600.0
    assert 300 <= turn["ms"]["first_token"] <= turn["ms"]["tts_first_byte"]
    assert (turn["user"], turn["reply"], turn["heard"]) == ("hello", "Hi.", "Hi.")
    assert turn["interrupted"] is False


def test_an_interrupted_turn_tells_what_was_heard() -> None:
    events, emitted = collected()
    turns = Turns(events)
    record = turns.request("tell me a story", nothing)
    turns.token(record, "Once upon a time")
    turns.item_added(spoken("Once upon", interrupted=True))
    turns.request("stop", nothing)
    names = [event["name"] for event in emitted]
    assert names.count("turn") == 1
    assert names.index("turn") < len(names) - 1, "the old turn ends before the new one begins"
    (cut,) = [event["data"] for event in emitted if event["name"] == "interrupted"]
    assert cut == {"turn": 1, "heard": "Once upon"}


def test_a_typed_turn_has_no_times_of_speech() -> None:
    events, emitted = collected()
    turns = Turns(events)
    record = turns.request("hello", nothing)
    turns.item_added(llm.ChatMessage(role="user", content=["hello"]))
    turns.token(record, "Hi.")
    turns.finish()
    (turn,) = [event["data"] for event in emitted if event["name"] == "turn"]
    assert turn["ms"]["end_of_utterance"] is None
    assert turn["ms"]["transcript"] is None
    assert turn["ms"]["first_token"] is not None
    assert turn["ms"]["first_sound"] is None


def test_a_reply_on_its_way_through_the_voice() -> None:
    events, emitted = collected()
    turns = Turns(events)
    # Opened before the turn is known, as LiveKit does.
    spoken_text = SpokenText(events, turns.speech_owner)
    record = turns.request("hello", nothing)
    turns.token(record, "Hi there, ")
    for text in ("Hi", "Hi there", "Hi there, ", "Hi there, Anna."):
        spoken_text.add_text(text)
    spoken_text.add_sound(frame(0.1, 8000))
    spoken_text.done()
    spoken_text.close()
    spoken = [(event["name"], event["data"]) for event in emitted if event["stage"] == "speak"]
    assert [name for name, _ in spoken] == ["request", "first_byte", "done"]
    assert all(data["turn"] == 1 for _, data in spoken)
    assert spoken[0][1]["text"] == "Hi there,"
    assert "interrupted" not in spoken[2][1]


def test_what_is_not_a_reply_has_no_turn_and_an_interruption_ends_it() -> None:
    events, emitted = collected()
    turns = Turns(events)
    greeting = SpokenText(events, turns.speech_owner)
    greeting.add_text("Welcome", whole=True)
    greeting.close()
    assert [event["name"] for event in emitted] == ["request", "done"]
    assert [event["data"]["turn"] for event in emitted] == [None, None]
    assert emitted[1]["data"]["interrupted"] is True


def test_a_voice_that_failed_is_not_done() -> None:
    events, emitted = collected()
    spoken_text = SpokenText(events, Turns(events).speech_owner)
    spoken_text.add_text("Welcome.", whole=True)
    spoken_text.failed()
    spoken_text.close()
    assert [event["name"] for event in emitted] == ["request"]


class Speech:
    """As much of a SpeechHandle as a turn needs."""

    def __init__(self, interrupted: bool) -> None:
        self.interrupted = interrupted
        self._callbacks: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)

    def end(self) -> None:
        for callback in self._callbacks:
            callback(self)


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_end_of_the_reply_is_the_end_of_its_turn(interrupted: bool) -> None:
    events, emitted = collected()
    turns = Turns(events)
    speech: Any = Speech(interrupted)
    turns.speech_created(speech)
    names_at_end: list[list[str]] = []
    turns.request("hello", lambda: names_at_end.append([event["name"] for event in emitted]))
    assert names_at_end == []
    speech.end()
    ended = ["interrupted", "turn"] if interrupted else ["turn"]
    assert names_at_end == [["request", *ended]], "the turn is over before that is said"


def test_a_reply_belongs_to_one_request() -> None:
    events, _ = collected()
    turns = Turns(events)
    speech: Any = Speech(interrupted=False)
    turns.speech_created(speech)
    spoken: list[str] = []
    turns.request("hello", lambda: spoken.append("first"))
    turns.request("hello again", lambda: spoken.append("second"))
    speech.end()
    assert spoken == ["first"]
