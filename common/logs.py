"""Log lines on stdout, as text or as JSON, with every secret blotted out. Standard library only.

Text is `HH:MM:SS.mmm LEVEL name: message key=value`, a traceback follows on lines of its own. JSON
is one object a line: `time`, `level`, `process`, `logger`, `message`, `pid`, then `room` and `job`
where there is one, what else the record has, and `error` (the traceback). Every process of ours
logs so.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from common.redaction import Redactor

Form = Literal["text", "json"]
LONGEST_MESSAGE, LONGEST_ERROR = 6_000, 6_000
"""Characters in a line of JSON, which must not be cut later."""
LONGEST_VALUE = 200
"""Characters of a value that was passed as `extra`."""
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
PRIVATE_PREFIX = "lk.pii."
"""LiveKit's mark for what a caller said."""
REPEATED = frozenset({"room_id", "agent_name", "pid", "color_message"})
"""What livekit-agents adds to each record, and uvicorn's copy of the message for terminals."""
RENAMED = {"job_id": "job"}
_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


def about(room: str = "", job: str = "") -> None:
    """What this task logs from now on, and each task it begins, is of this room and job."""
    _ABOUT.set(_named(room, job))


@contextmanager
def call_context(room: str, job: str) -> Iterator[None]:
    """What this task logs meanwhile is of this room and job."""
    token = _ABOUT.set(_named(room, job))
    try:
        yield
    finally:
        _ABOUT.reset(token)


def _named(room: str, job: str) -> dict[str, str]:
    return {key: value for key, value in (("room", room), ("job", job)) if value}


class LineFormatter(logging.Formatter):
    """One line a record: message, then what was passed as `extra`; a traceback follows on its own
    lines; no secret in any of them."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
        )
        self.redactor = Redactor(secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:
        extras = [f"{key}={str(value)[:LONGEST_VALUE]}" for key, value in extras_of(record).items()]
        return " ".join([super().formatMessage(record), *extras])

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_text and record.getMessage().endswith(record.exc_text):
            # A job process has put the traceback into the message, to send it to the worker.
            record.exc_text = None
        return self.redactor.text(super().format(record))


class JsonFormatter(LineFormatter):
    """One object a record, whatever is in it."""

    def __init__(self, secrets: Sequence[str] = (), process: str = "agent") -> None:
        super().__init__(secrets)
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_text or (
            self.formatException(record.exc_info) if record.exc_info else ""
        )
        message = record.getMessage()
        if error:
            message = message.removesuffix(error).rstrip()
        line: dict[str, Any] = {
            "time": _iso(record.created),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": self.redactor.text(message)[:LONGEST_MESSAGE],
            "pid": getattr(record, "pid", record.process),
        }
        for key, value in extras_of(record).items():
            line.setdefault(key, self._plain(value))
        if error:
            line["error"] = self.redactor.text(error)[-LONGEST_ERROR:]
        return json.dumps(line, ensure_ascii=False)

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        return self.redactor.text(str(value))[:LONGEST_VALUE]


def extras_of(record: logging.LogRecord) -> dict[str, Any]:
    """The room and job of the record, and what else was passed as `extra`."""
    given = {
        RENAMED.get(key, key): value
        for key, value in record.__dict__.items()
        if key not in STANDARD | REPEATED and not key.startswith(PRIVATE_PREFIX)
    }
    return {**(_ABOUT.get() or {}), **given}


def formatter(form: Form, secrets: Sequence[str], process: str) -> logging.Formatter:
    """What makes lines of this form."""
    return JsonFormatter(secrets, process) if form == "json" else LineFormatter(secrets)


def configure(
    level: str,
    secrets: Sequence[str] = (),
    form: Form = "text",
    process: str = "proxy",
    quiet: Sequence[str] = (),
) -> None:
    """Send every log line of this process to stdout at `level`; of the loggers in `quiet` only
    warnings and errors. The worker's job processes send their records to the worker."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(form, secrets, process))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Its DEBUG says nothing but which selector the loop uses.
    logging.getLogger("asyncio").setLevel(logging.INFO)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
