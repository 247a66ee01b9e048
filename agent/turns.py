"""What happened in each turn, and when: each step is an event, the whole turn one more at its end.

A turn begins when the caller's words are sent to Letta and ends when the reply has been spoken or
interrupted. Its times count from the moment the caller's speech ended (for typed words: from their
arrival), in milliseconds; a step that did not happen is null. `since` is that moment in epoch
seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.events import Events

if TYPE_CHECKING:  # agent/letta/call.py has no LiveKit in it
    from livekit.agents import llm
    from livekit.agents.voice import SpeechHandle


@dataclass
class TurnRecord:
    """One turn as it goes on; times in epoch seconds."""

    number: int
    user: str
    requested_at: float
    again: bool = False
    reply: str = ""
    heard: str = ""
    interrupted: bool = False
    over: bool = False
    times: dict[str, float] = field(default_factory=dict)
    anchor: float | None = None


@dataclass(frozen=True)
class SpeechOwner:
    """The turn whose reply a text is; `turn` None: it is not Letta's, such as the greeting.

    `first_sound(at)` notes when the voice has begun, and gives the milliseconds it took.
    """

    turn: int | None = None
    first_sound: Callable[[float], float] | None = None


class Turns:
    """The turns of one call."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._count = 0
        self._current: TurnRecord | None = None
        self._speech: SpeechHandle | None = None

    @property
    def begun(self) -> bool:
        """Whether the caller has said anything."""
        return self._count > 0

    def request(self, text: str, spoken: Callable[[], None], *, again: bool = False) -> TurnRecord:
        """The caller's turn is being sent to Letta; `again`: Letta was away when it was said.

        `spoken()` is called when the reply has been spoken or interrupted.
        """
        self._end(self._current)
        self._count += 1
        self._current = record = TurnRecord(self._count, text, time.time(), again)
        if again:  # nobody has just stopped speaking
            record.anchor = record.requested_at
        self._events.emit(
            "think", "request", turn=record.number, text=text, **({"again": True} if again else {})
        )
        if self._speech is not None:
            self._speech.add_done_callback(lambda speech: self._spoken(record, speech, spoken))
            self._speech = None
        return record

    def token(self, record: TurnRecord, text: str) -> None:
        if not record.reply:
            now = record.times["first_token"] = time.time()
            ms = _ms(now - record.requested_at)
            self._events.emit("think", "first_token", turn=record.number, ms=ms)
        record.reply += text

    def retried(self, record: TurnRecord, why: str) -> None:
        """The request is sent once more."""
        self._events.emit("think", "retry", turn=record.number, attempt=1, of=2, message=why)

    def waits(self, record: TurnRecord | None, why: str, patience: float, **data: Any) -> None:
        """Letta is away; the request is sent again when it is back."""
        turn = record.number if record else None
        self._events.emit(
            "think", "waiting", turn=turn, message=why, patience=round(patience, 1), **data
        )

    def back(self, seconds: float) -> None:
        """Letta answers again, after so many seconds."""
        turn = self._current.number if self._current else None
        self._events.emit("think", "back", turn=turn, seconds=round(seconds, 1))

    def replied(self, record: TurnRecord, stop_reason: str | None) -> None:
        ms = _ms(time.time() - record.requested_at)
        self._events.emit("think", "done", turn=record.number, ms=ms, stop_reason=stop_reason)

    def speech_created(self, speech: SpeechHandle) -> None:
        """LiveKit is about to make a reply; the next request belongs to it."""
        self._speech = speech

    def speech_owner(self) -> SpeechOwner:
        """Whose text is about to be spoken."""
        record = self._current
        if record is None or record.over or "tts_first_byte" in record.times:
            return SpeechOwner()

        def first_sound(at: float) -> float:
            record.times["tts_first_byte"] = at
            return (at - record.times.get("first_token", record.requested_at)) * 1000

        return SpeechOwner(record.number, first_sound)

    def first_sound(self, at: float) -> None:
        """The first sound of the reply was pushed to the track."""
        if self._current is not None:
            self._current.times.setdefault("first_sound", at)

    def item_added(self, item: llm.ChatMessage) -> None:
        """LiveKit's history has a new message: the caller's words, or what was heard of a reply."""
        record = self._current
        if record is None:
            return
        metrics = item.metrics
        if item.role == "user" and (item.text_content or "").strip() == record.user:
            ended = metrics.get("stopped_speaking_at")
            record.anchor = ended or item.created_at
            if ended is not None:
                if (delay := metrics.get("transcription_delay")) is not None:
                    record.times["transcript"] = ended + delay
                if (delay := metrics.get("end_of_turn_delay")) is not None:
                    record.times["end_of_utterance"] = ended + delay
        elif item.role == "assistant":
            record.heard = f"{record.heard} {item.text_content or ''}".strip()
            record.interrupted = record.interrupted or item.interrupted
            if (at := metrics.get("started_speaking_at")) is not None:
                record.times.setdefault("first_sound", at)

    def finish(self) -> None:
        """The call is over."""
        self._end(self._current)

    def _spoken(self, record: TurnRecord, speech: SpeechHandle, spoken: Callable[[], None]) -> None:
        record.interrupted = record.interrupted or speech.interrupted
        self._end(record)
        spoken()

    def _end(self, record: TurnRecord | None) -> None:
        if record is None or record.over:
            return
        record.over = True
        if record.interrupted:
            self._events.emit("play", "interrupted", turn=record.number, heard=record.heard)
        self._events.emit(
            "play",
            "turn",
            turn=record.number,
            user=record.user,
            reply=record.reply,
            heard=record.heard,
            interrupted=record.interrupted,
            since=record.anchor,
            ms=_split(record),
        )


STEPS = ("end_of_utterance", "transcript", "first_token", "tts_first_byte", "first_sound")


def _split(record: TurnRecord) -> dict[str, float | None]:
    anchor = record.anchor
    return {
        step: None
        if anchor is None or step not in record.times
        else _ms(record.times[step] - anchor)
        for step in STEPS
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
