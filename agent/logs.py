"""How the worker logs: a line an entry, `HH:MM:SS.mmm LEVEL name: message key=value`, on stdout."""

from __future__ import annotations

import logging
import sys

STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
PRIVATE_PREFIX = "lk.pii."  # LiveKit's mark for what a caller said
LONGEST_VALUE = 200
REPEATED = frozenset({"room_id", "agent_name", "pid"})  # what the framework adds to each entry
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


class LineFormatter(logging.Formatter):
    """One line an entry; what a caller passed as `extra` is appended, a traceback follows."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        extras = [
            f"{key}={str(value)[:LONGEST_VALUE]}"
            for key, value in record.__dict__.items()
            if key not in STANDARD | REPEATED and not key.startswith(PRIVATE_PREFIX)
        ]
        return " ".join([super().formatMessage(record), *extras])


def configure(level: str) -> None:
    """Set up logging for the worker; job processes send their entries here."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
