"""A turn's split: stages that add up to what the listener measured."""

from __future__ import annotations

import pytest

from dev.caller.turn import Turn, split, turn_lines

MARKS: dict[str, float | None] = {
    "end_of_utterance": 400,
    "transcript": 363,
    "first_token": 575,
    "tts_first_byte": 662,
    "first_sound": 676,
}


def test_parts_add_up_to_what_was_heard() -> None:
    parts = split(MARKS, 0.748)
    assert parts == {
        "end_of_utterance": 400,
        "transcript": 0,  # it was there before the end of the utterance was certain
        "first_token": 175,
        "tts_first_byte": 87,
        "playout": 86,
    }
    assert sum(parts.values()) == 748


def test_a_missing_mark_is_left_out_and_its_time_goes_to_the_next() -> None:
    parts = split({**MARKS, "end_of_utterance": None, "first_token": None}, 0.748)
    assert list(parts) == ["transcript", "tts_first_byte", "playout"]
    assert parts["tts_first_byte"] == 662 - 363


def test_without_marks_or_sound_there_is_no_split() -> None:
    assert split({}, 0.7) == {}
    assert split(MARKS, None) == {}


def test_json_is_complete_and_rounded() -> None:
    turn = Turn(
        "hi", heard_text="hi", reply="hello", first_sound_s=0.74849, reply_s=1.2, marks=MARKS
    )
    assert turn.as_json() == {
        "said": "hi",
        "heard_text": "hi",
        "reply": "hello",
        "answered": True,
        "first_sound_s": 0.748,
        "reply_s": 1.2,
        "split_ms": pytest.approx(split(MARKS, 0.74849)),
        "talked_over": False,
        "interrupted": False,
        "silenced_after_s": None,
        "problem": None,
    }


def test_the_terminal_shows_words_time_and_split() -> None:
    turn = Turn("high", heard_text="hi", reply="hello", first_sound_s=0.748, marks=MARKS)
    said, heard, reply, time = turn_lines(turn)
    assert (said.split(), heard.split(), reply.split()) == (
        ["said", "high"], ["heard", "hi"], ["agent", "hello"],
    )  # fmt: skip
    assert "0.75 s to the first sound" in time
    assert "end of utterance 400, transcript 0, first token of the reply 175" in time


def test_what_was_understood_is_told_only_when_it_differs() -> None:
    assert not any("heard" in line for line in turn_lines(Turn("hi", heard_text="hi")))


def test_a_turn_without_an_answer_says_why() -> None:
    assert "NO ANSWER: no sound" in turn_lines(Turn("hi", problem="no sound within 15 s"))[-1]


def test_an_interruption_says_when_the_sound_stopped() -> None:
    turn = Turn("hi", first_sound_s=0.7, interrupted=True, silenced_after_s=0.31)
    assert any("stopped 310 ms after" in line for line in turn_lines(turn))
