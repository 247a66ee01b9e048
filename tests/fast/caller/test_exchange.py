"""A turn's figures from recorded histories: sound that was heard, events and words that arrived."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from dev.caller.hearing import Segment
from dev.caller.presence import Presence
from dev.caller.sound import RATE
from dev.caller.turn import Exchange, Turn

ME = "caller-1"
MARKS = {
    "end_of_utterance": 300,
    "transcript": 310,
    "first_token": 500,
    "tts_first_byte": 600,
}


class History:
    """A presence that never joined a room, fed with what another one heard; times from 0."""

    def __init__(self) -> None:
        self.presence = Presence(ME, record=False)
        self.zero = time.monotonic() - 100  # the past, so that waiting for quiet ends at once

    def at(self, second: float) -> float:
        return self.zero + second

    def sound(self, begin: float, end: float) -> None:
        self.presence.listener.hear(
            np.full(round((end - begin) * RATE), 3000, np.int16), self.at(end)
        )
        self.presence.changes.notify()

    def event(self, second: float, name: str, **data: Any) -> None:
        self.presence.events.append({"name": name, "data": data, "arrived": self.at(second)})
        self.presence.changes.notify()

    def words(self, second: float, speaker: str, text: str) -> None:
        number = len(self.presence.transcripts.segments)
        self.presence.transcripts.segments[f"SG_{number}"] = Segment(
            speaker, self.at(second), text, final=True
        )

    def exchange(self, from_: float, ended: float, before: Exchange | None = None) -> Exchange:
        exchange = Exchange(self.presence, Turn("words"), self.at(from_), before)
        exchange.spoken(self.at(from_), self.at(ended), barged_in=before is not None)
        return exchange


@pytest.fixture
async def history() -> History:
    return History()


async def test_first_sound_words_and_split(history: History) -> None:
    exchange = history.exchange(0.0, 2.0)
    history.words(2.3, ME, "what is my color")
    history.event(2.4, "request", turn=7, text="what is my color")
    history.sound(2.75, 4.0)
    history.words(2.8, "agent-A", "It is green.")
    history.event(4.1, "turn", turn=7, user="what is my color", ms=MARKS)
    assert await exchange.wait_first_sound(0.01)
    await exchange.wait_end()
    exchange.settle()
    turn = exchange.turn
    assert turn.first_sound_s == pytest.approx(0.75, abs=1e-3)
    assert turn.reply_s == pytest.approx(1.25, abs=1e-3)
    assert (turn.heard_text, turn.reply) == ("what is my color", "It is green.")
    assert turn.split["playout"] == pytest.approx(150, abs=1)
    assert not turn.talked_over


async def test_a_reply_that_comes_while_waiting_is_heard(history: History) -> None:
    exchange = history.exchange(0.0, 2.0)
    waiting = asyncio.create_task(exchange.wait_first_sound(10))
    await asyncio.sleep(0)
    history.sound(3.0, 3.5)
    assert await waiting
    exchange.settle()
    assert exchange.turn.first_sound_s == pytest.approx(1.0, abs=1e-3)


async def test_sound_from_before_the_end_of_speech_is_not_the_reply(history: History) -> None:
    history.sound(1.5, 2.5)
    exchange = history.exchange(1.0, 2.0)
    assert not await exchange.wait_first_sound(0.01)
    assert exchange.turn.talked_over
    assert not exchange.turn.answered


async def test_no_sound_is_explained_by_what_is_known(history: History) -> None:
    exchange = history.exchange(0.0, 2.0)
    history.words(2.2, ME, "hello")
    history.event(1.0, "speech_started")
    history.event(3.0, "error", code="x", message="Letta does not answer", next_step="look at logs")
    assert not await exchange.wait_first_sound(0.01)
    problem = exchange.turn.problem
    assert "the agent understood 'hello'" in problem
    assert "it reported error: Letta does not answer, look at logs" in problem
    assert "the agent is not in the room" in problem


async def test_another_turns_account_is_not_taken(history: History) -> None:
    exchange = history.exchange(10.0, 12.0)
    history.event(11.0, "turn", turn=1, user="before", ms={"transcript": 1})  # the turn before
    history.event(12.1, "request", turn=2)
    history.sound(12.5, 13.0)
    history.event(13.1, "turn", turn=2, user="mine", ms=MARKS)
    history.event(13.2, "turn", turn=3, user="later", ms={"transcript": 3})
    assert await exchange.wait_first_sound(0.01)
    exchange.settle()
    assert exchange.turn.heard_text == "mine"
    assert exchange.turn.marks == MARKS


async def test_an_interrupted_reply_is_closed_by_the_next_turn(history: History) -> None:
    first = history.exchange(0.0, 1.0)
    history.event(1.1, "request", turn=1)
    history.sound(2.0, 3.30)  # the sound stops 0.3 s after the caller begins again
    history.words(2.1, "agent-A", "Once upon a")
    assert await first.wait_first_sound(0.01)
    first.settle()
    first.close(history.at(2.9))
    second = history.exchange(3.0, 3.8, before=first)
    history.event(3.4, "turn", turn=1, interrupted=True, heard="Once upon", ms=MARKS)
    history.event(4.0, "request", turn=2)
    history.sound(4.5, 5.0)
    history.words(4.6, "agent-A", "All right.")
    history.event(5.1, "turn", turn=2, ms=MARKS)
    assert await second.wait_first_sound(0.01)
    await second.wait_end()
    second.settle()
    assert first.turn.interrupted
    assert first.turn.silenced_after_s == pytest.approx(0.3, abs=1e-3)
    assert first.turn.reply == "Once upon a"
    assert first.turn.marks == MARKS
    assert second.turn.reply == "All right."
    assert not second.turn.interrupted
    assert not second.turn.talked_over
