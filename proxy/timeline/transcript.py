"""Who said what: the words of both sides, and of a reply what was really heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from common.events import Event

WORDS_A_SECOND = 2.6
"""How quickly people and voices speak; for how long a line is shown."""


@dataclass(frozen=True)
class Line:
    """One utterance. `text` is what was said; of an interrupted reply, what was heard of it."""

    speaker: Literal["caller", "agent"]
    at: float
    """When it began, in seconds since the epoch."""
    until: float
    text: str
    turn: int | None = None
    reply: str = ""
    """What the agent wanted to say."""
    interrupted: bool = False


def transcript(events: Iterable[Event]) -> list[Line]:
    """The lines of a call, in order."""
    lines = []
    began: dict[str, float] = {}
    for event in sorted(events, key=lambda each: (each.at, each.seq)):
        if event.source != "agent":
            continue
        if event.topic in ("hear.speech_started", "play.speaking"):
            began[event.stage] = event.at
        elif event.topic == "transcribe.transcript" and event.data.get("final"):
            text = _text(event.data.get("text"))
            if text:
                lines.append(Line("caller", *_span(began.pop("hear", None), event.at, text), text))
        elif event.topic == "play.turn":
            line = _reply(event, began.pop("play", None))
            if line is not None:
                lines.append(line)
    return sorted(lines, key=lambda line: line.at)


def _reply(event: Event, began: float | None) -> Line | None:
    data = event.data
    interrupted = data.get("interrupted") is True
    heard, reply = _text(data.get("heard")), _text(data.get("reply"))
    text = heard if interrupted else heard or reply
    if not text:
        return None
    turn = data.get("turn")
    start, end = _span(began, event.at, text)
    return Line(
        "agent", start, end, text, turn if isinstance(turn, int) else None, reply, interrupted
    )


def _span(began: float | None, ended: float, text: str) -> tuple[float, float]:
    """Beginning and end; without a beginning, as long as such words take."""
    if began is not None and began < ended:
        return began, ended
    return ended - len(text.split()) / WORDS_A_SECOND, ended


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
