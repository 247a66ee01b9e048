"""A call as a file: JSON with everything, or WebVTT with what was said and really heard."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import web

from proxy.timeline.transcript import Line

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


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


def webvtt(lines: Sequence[Line], started: float, title: str) -> str:
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
