"""The log of one process: every line goes to this launcher's stdout (honcho) and to
VOICE_HOME/logs/NAME.log, as text or as JSON (LOG_FORMAT).

Our own programs write JSON themselves when they are asked to. What they say besides (a traceback
of the interpreter, the output of a tool), and what other programs write, is put into the same form
here; and JSON is put into words where a person reads it, or somebody looks for errors in it. The
file is bounded: it is rotated, and a very long line is cut and says so.
"""

import copy
import json
import logging
import logging.handlers
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dev.supervisor.crash_excerpt import is_error

OWN = ("time", "level", "process", "logger", "message")
TEXT = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (?P<level>[A-Z]+) (?P<logger>[\w.-]+): (?P<message>.*)")
FILE_BYTES = 5_000_000
OLD_FILES = 3
LINE_BYTES = 16_000
KEPT_LINES = 200  # a traceback may be long
NUMBER = re.compile(r"\d+")
COMPLAINTS = ("WARNING", "ERROR", "CRITICAL")
# An error repeats when it was written so often, each time so much later, over so long: what a
# program writes in one go, or twice while another one begins, is no failure that lasts.
REPEATED, APART_S, REPEATS_FOR_S = 4, 1.0, 10.0
ERRORS_KEPT = 50
# Marks in the file where a start of the launcher begins; what stands before is older.
BEGINS = "begins"


class ErrorCount:
    """Counts how often a program writes the same error or warning, numbers and times aside.

    `line` is one that repeats, as it was written last, and `times` how often it came; empty and 0
    as long as none repeats.
    """

    def __init__(self) -> None:
        self.line = ""
        self.times = 0
        self._seen: dict[str, tuple[float, float, int]] = {}

    def add(self, line: str) -> None:
        """Take one line of the output."""
        text = TEXT.fullmatch(line)
        if not (text and text["level"] in COMPLAINTS) and not is_error(line):
            return
        now = time.monotonic()
        message = text["message"] if text else line
        kind = NUMBER.sub("#", message)
        first, last, times = self._seen.get(kind, (now, now - APART_S, 0))
        if now - last < APART_S:
            return
        self._seen[kind] = (first, now, times + 1)
        if len(self._seen) > ERRORS_KEPT:
            self._seen.pop(next(iter(self._seen)))
        if times + 1 >= REPEATED and now - first >= REPEATS_FOR_S:
            self.line, self.times = message, times + 1


class ProcessLog:
    """Writes lines of a program and of its launcher; keeps the program's last ones for messages,
    as text."""

    def __init__(self, home: Path, name: str, *, json: bool = False) -> None:
        self._name = name
        self._json = json
        folder = home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.log"
        handler = logging.handlers.RotatingFileHandler(
            self.path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, encoding="utf-8"
        )
        handler.setFormatter(logging.Formatter("%(message)s"))
        self._file = logging.Logger(f"log of {name}")
        self._file.addHandler(handler)
        self._stdout = True
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self.errors: ErrorCount | None = None  # of a program that is not ready yet

    def program(self, line: bytes) -> None:
        """One line of the program's output."""
        if self._json:
            self._program_in_json(line.decode(errors="replace").rstrip("\r\n"))
            return
        if len(line) > LINE_BYTES:
            line = line[:LINE_BYTES] + f" … [{len(line) - LINE_BYTES} bytes cut]".encode()
        text = line.decode(errors="replace").rstrip("\r\n")
        if text.strip():
            self._keep(text)
        self._write(text)

    def _program_in_json(self, text: str) -> None:
        if text.strip():
            line = fitted(as_json(text, self._name), LINE_BYTES)
            # What is said in words is kept in those words: a traceback is known by them.
            self._keep(*([text] if parsed(text) is None else as_text(line)))
            self._write(line)

    def _keep(self, *lines: str) -> None:
        self.last.extend(lines)
        if self.errors is not None:
            for line in lines:
                self.errors.add(line)

    def say(self, text: str, level: str = "INFO") -> None:
        """One line of the launcher itself."""
        if self._json:
            self._write(json_line(self._name, level, "launcher", text))
            return
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        self._write(f"{clock}.{int(now % 1 * 1000):03d} {level} launcher: {text}")

    def apart(self) -> "ProcessLog":
        """The same log for another program beside, whose last lines are kept apart."""
        other = copy.copy(self)
        other.last = deque(maxlen=KEPT_LINES)
        other.errors = None
        return other

    @staticmethod
    def since_start(lines: list[str]) -> list[str]:
        """Those of the last lines of a log that belong to the last start."""
        marks = [at for at, line in enumerate(lines) if line.endswith(f" launcher: {BEGINS}")]
        return lines[marks[-1] + 1 :] if marks else lines

    def close(self) -> None:
        for handler in self._file.handlers:
            handler.close()

    def tail(self, lines: int = 10) -> list[str]:
        return list(self.last)[-lines:]

    def _write(self, text: str) -> None:
        self._file.info("%s", text)
        if not self._stdout:
            return
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except (BrokenPipeError, OSError, ValueError):
            # honcho or the terminal is gone; the file goes on until the launcher notices too.
            self._stdout = False
            self._file.info("stdout is closed, only this file goes on")


def json_line(process: str, level: str, logger: str, message: str) -> str:
    """A line of JSON of now."""
    values = (_iso(time.time()), level, process, logger, message)
    return json.dumps(dict(zip(OWN, values, strict=True)), ensure_ascii=False)


def as_json(line: str, process: str) -> str:
    """`line` as JSON with all that a line has at least; as it is when it has that already."""
    fields = parsed(line)
    if fields is None:
        if text := TEXT.fullmatch(line):
            return json_line(process, text["level"], text["logger"], text["message"])
        return json_line(process, "INFO", process, line)
    if all(name in fields for name in OWN):
        return line
    # Of livekit-server; what it has more stays as it is.
    level, logger = str(fields.pop("level", "INFO")).upper(), str(fields.pop("logger", process))
    known = json.loads(json_line(process, level, logger, str(fields.pop("msg", ""))))
    if isinstance(at := fields.pop("ts", None), int | float):
        known["time"] = _iso(at)
    if not isinstance(fields.get("room", ""), str):
        fields["rooms"] = fields.pop("room")
    if job := fields.pop("jobID", None):
        known["job"] = job
    return json.dumps({**known, **{k: v for k, v in fields.items() if k not in known}})


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
    fields = parsed(line)
    if fields is None or "message" not in fields:
        yield line
        return
    level, logger = fields.get("level", "INFO"), fields.get("logger", "")
    yield from f"{_clock(fields.get('time'))} {level} {logger}: {fields['message']}".splitlines()
    yield from str(fields.get("error") or "").splitlines()


def parsed(line: str) -> dict[str, Any] | None:
    """The object in a line of JSON; None when it is none."""
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clock(moment_text: object) -> str:
    try:
        moment = datetime.fromisoformat(str(moment_text)).astimezone()
    except ValueError:
        return str(moment_text)
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
