"""How the worker logs on stdout: a line an entry, as text or as JSON, without secrets.

Text is `HH:MM:SS.mmm LEVEL name: message key=value`, a traceback follows on lines of its own. JSON
is one object a line: `time`, `level`, `process`, `logger`, `message`, then `room` and `job` where
there is one, `error` (the traceback), and what else the entry has.
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

Form = Literal["text", "json"]

STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
PRIVATE_PREFIX = "lk.pii."  # LiveKit's mark for what a caller said
LONGEST_VALUE = 200
LONGEST_MESSAGE, LONGEST_ERROR = 6_000, 6_000  # in JSON, whose lines must not be cut
REPEATED = frozenset({"room_id", "agent_name", "pid"})  # what the framework adds to each entry
RENAMED = {"job_id": "job"}
SHORTEST_SECRET = 8
BLOT = "***"
QUIET = (
    "letta_client",
    "httpx",
    "httpx2",
    "httpcore",
    "asyncio",
    "openai",
    "aiohttp.access",
    "websockets",
)
_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


@contextmanager
def about(room: str, job: str) -> Iterator[None]:
    """What is logged meanwhile is of this room and job; job processes need not say so."""
    token = _ABOUT.set({key: value for key, value in (("room", room), ("job", job)) if value})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class LineFormatter(logging.Formatter):
    """One line an entry; what a caller passed as `extra` is appended, a traceback follows."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_text and record.getMessage().endswith(record.exc_text):
            # A job process has put the traceback into the message, to send it here.
            record.exc_text = None
        return self.blotted(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        extras = [f"{key}={str(value)[:LONGEST_VALUE]}" for key, value in extras_of(record).items()]
        return " ".join([super().formatMessage(record), *extras])

    def blotted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, BLOT)
        return text


class JsonFormatter(LineFormatter):
    """One object a line, whatever is in the entry."""

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
            "process": "agent",
            "logger": record.name,
            "message": self.blotted(message)[:LONGEST_MESSAGE],
            "pid": getattr(record, "pid", record.process),
        }
        for key, value in extras_of(record).items():
            line.setdefault(key, self._plain(value))
        if error:
            line["error"] = self.blotted(error)[-LONGEST_ERROR:]
        return json.dumps(line, ensure_ascii=False)

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        return self.blotted(str(value))[:LONGEST_VALUE]


def extras_of(record: logging.LogRecord) -> dict[str, Any]:
    """The room and job of the entry, and what else was passed as `extra`."""
    given = {
        RENAMED.get(key, key): value
        for key, value in record.__dict__.items()
        if key not in STANDARD | REPEATED and not key.startswith(PRIVATE_PREFIX)
    }
    return {**(_ABOUT.get() or {}), **given}


def configure(level: str, form: Form = "text", secrets: Sequence[str] = ()) -> None:
    """Set up logging for the worker; job processes send their entries here."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(secrets) if form == "json" else LineFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
