"""One line of a log, as text or as JSON (LOG_FORMAT), whoever wrote it. Standard library only.

Our own programs write JSON themselves when they are asked to. What they say besides (a traceback
of the interpreter, the output of a tool), and what other programs write, is put into the same form
here; and JSON is put into words where a person reads it, or somebody looks for errors in it.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

OWN = ("time", "level", "process", "logger", "message")
TEXT = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (?P<level>[A-Z]+) (?P<logger>[\w.-]+): (?P<message>.*)")


def made(process: str, level: str, logger: str, message: str) -> str:
    """A line of JSON of now."""
    values = (_iso(time.time()), level, process, logger, message)
    return json.dumps(dict(zip(OWN, values, strict=True)), ensure_ascii=False)


def as_json(line: str, process: str) -> str:
    """`line` as JSON with all that a line has at least; as it is when it has that already."""
    found = parsed(line)
    if found is None:
        if text := TEXT.fullmatch(line):
            return made(process, text["level"], text["logger"], text["message"])
        return made(process, "INFO", process, line)
    if all(name in found for name in OWN):
        return line
    # Of livekit-server; what it has more stays as it is.
    level, logger = str(found.pop("level", "INFO")).upper(), str(found.pop("logger", process))
    known = json.loads(made(process, level, logger, str(found.pop("msg", ""))))
    if isinstance(at := found.pop("ts", None), int | float):
        known["time"] = _iso(at)
    if not isinstance(found.get("room", ""), str):
        found["rooms"] = found.pop("room")
    if job := found.pop("jobID", None):
        known["job"] = job
    return json.dumps({**known, **{k: v for k, v in found.items() if k not in known}})


def fitted(line: str, longest: int) -> str:
    """`line`, an object in JSON, with what is long in it cut when it has more than `longest`
    characters."""
    if len(line) <= longest:
        return line
    most = longest // 8
    short = {}
    for name, value in json.loads(line).items():
        text = value if isinstance(value, str) else json.dumps(value)
        cut = f"{text[:most]} … [{len(text) - most} characters cut]"
        short[name] = value if len(text) <= most else cut
    return json.dumps(short, ensure_ascii=False)


def as_text(line: str) -> Iterator[str]:
    """`line` as a person reads it; a traceback inside of JSON follows on lines of its own."""
    found = parsed(line)
    if found is None or "message" not in found:
        yield line
        return
    level, logger = found.get("level", "INFO"), found.get("logger", "")
    yield from f"{_clock(found.get('time'))} {level} {logger}: {found['message']}".splitlines()
    yield from str(found.get("error") or "").splitlines()


def parsed(line: str) -> dict[str, Any] | None:
    """The object in a line of JSON; None when it is none."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clock(told: object) -> str:
    try:
        moment = datetime.fromisoformat(str(told)).astimezone()
    except ValueError:
        return str(told)
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
