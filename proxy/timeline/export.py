"""A call as a file: who said what, as WebVTT, or everything as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from common.events import Event

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
WORDS_A_SECOND = 2.6
"""How quickly people and voices speak; for how long a line is shown."""


@dataclass(frozen=True)
class TranscriptLine:
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


def transcript(events: Iterable[Event]) -> list[TranscriptLine]:
    """The words of both sides of a call, in order; of a reply, what was really heard of it."""
    lines: list[TranscriptLine] = []
    began: dict[str, float] = {}
    for event in sorted(events, key=lambda event: (event.at, event.seq)):
        if event.source != "agent":
            continue
        if event.topic in ("hear.speech_started", "play.speaking"):
            began[event.stage] = event.at
        elif event.topic == "transcribe.transcript" and event.data.get("final"):
            text = _text(event.data.get("text"))
            if text:
                span = _span(began.pop("hear", None), event.at, text)
                lines.append(TranscriptLine("caller", *span, text))
        elif event.topic == "play.turn":
            line = _reply(event, began.pop("play", None))
            if line is not None:
                lines.append(line)
    return sorted(lines, key=lambda line: line.at)


def _reply(event: Event, began: float | None) -> TranscriptLine | None:
    data = event.data
    interrupted = data.get("interrupted") is True
    heard, reply = _text(data.get("heard")), _text(data.get("reply"))
    text = heard if interrupted else heard or reply
    if not text:
        return None
    turn = data.get("turn")
    start, end = _span(began, event.at, text)
    return TranscriptLine(
        "agent", start, end, text, turn if isinstance(turn, int) else None, reply, interrupted
    )


def _span(began: float | None, ended: float, text: str) -> tuple[float, float]:
    """Beginning and end; without a beginning, as long as such words take."""
    if began is not None and began < ended:
        return began, ended
    return ended - len(text.split()) / WORDS_A_SECOND, ended


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def as_file(text: str, content_type: str, name: str) -> web.Response:
    """`text` to be saved as `name`."""
    return web.Response(
        text=text,
        content_type=content_type,
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def file_name(room: str, call_id: str, ending: str) -> str:
    """A name that every file system and header takes."""
    return f"call-{_UNSAFE.sub('-', room)[:60]}-{_UNSAFE.sub('-', call_id)}.{ending}"


def webvtt(lines: Sequence[TranscriptLine], started: float, title: str) -> str:
    """One cue a line, its times counted from the start of the call."""
    parts = [f"WEBVTT - {_plain(title)}\n"]
    for line in lines:
        begin = max(0.0, line.at - started)
        end = max(begin + 0.1, line.until - started)
        text = _escaped(line.text) + (" [interrupted]" if line.interrupted else "")
        speaker = line.speaker.capitalize()
        parts.append(f"{_time(begin)} --> {_time(end)}\n<v {speaker}>{text}\n")
    return "\n".join(parts)


def _time(seconds: float) -> str:
    millis = round(seconds * 1000)
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("-->", "→")
