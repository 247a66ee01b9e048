"""Log lines on stdout, as text or as JSON, with every secret blotted out. Standard library only.

Text is `HH:MM:SS.mmm LEVEL name: message room=R`, a traceback follows on lines of its own. JSON is
one object a line: `time`, `level`, `process`, `logger`, `message`, then `room` and `job` where
there is one, and `error` (the traceback). The models and Letta servers of dev/ log so as well.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from common.redaction import Redactor

Form = Literal["text", "json"]
LONGEST_MESSAGE, LONGEST_ERROR = 6_000, 6_000
"""Characters in a line of JSON, which must not be cut later."""
_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


def about(room: str = "", job: str = "") -> None:
    """What this task logs from now on, and each task it begins, is of this room and job."""
    _ABOUT.set({key: value for key, value in (("room", room), ("job", job)) if value})


class LineFormatter(logging.Formatter):
    """One line a record (a traceback follows on its own lines); no secret in any of them."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
        )
        self.redactor = Redactor(secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:
        told = " ".join(f"{key}={value}" for key, value in (_ABOUT.get() or {}).items())
        message = super().formatMessage(record)
        return f"{message} {told}" if told else message

    def format(self, record: logging.LogRecord) -> str:
        return self.redactor.text(super().format(record))


class JsonFormatter(LineFormatter):
    """One object a record, whatever is in it."""

    def __init__(self, secrets: Sequence[str], process: str) -> None:
        super().__init__(secrets)
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_text or (
            self.formatException(record.exc_info) if record.exc_info else ""
        )
        line: dict[str, Any] = {
            "time": _iso(record.created),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": self.redactor.text(record.getMessage())[:LONGEST_MESSAGE],
            "pid": os.getpid(),
            **{key: self.redactor.text(value) for key, value in (_ABOUT.get() or {}).items()},
        }
        if error:
            line["error"] = self.redactor.text(error)[-LONGEST_ERROR:]
        return json.dumps(line, ensure_ascii=False)


def formatter(form: Form, secrets: Sequence[str], process: str) -> logging.Formatter:
    """What makes lines of this form."""
    return JsonFormatter(secrets, process) if form == "json" else LineFormatter(secrets)


def configure(
    level: str, secrets: Sequence[str] = (), form: Form = "text", process: str = "proxy"
) -> None:
    """Send every log line of this process to stdout at `level`."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(form, secrets, process))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Its DEBUG says nothing but which selector the loop uses.
    logging.getLogger("asyncio").setLevel(logging.INFO)


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
