"""The log of one process: every line goes to this launcher's stdout (honcho) and to
VOICE_HOME/logs/NAME.log, as text or as JSON (LOG_FORMAT).

The file is bounded: it is rotated, and a very long line is cut and says so.
"""

import copy
import logging
import logging.handlers
import sys
import time
from collections import deque
from pathlib import Path

from dev.log_line import as_json, as_text, fitted, made, parsed

FILE_BYTES = 5_000_000
OLD_FILES = 3
LINE_BYTES = 16_000
KEPT_LINES = 200  # a traceback may be long
# Marks in the file where a start of the launcher begins; what stands before is older.
BEGINS = "begins"


class Log:
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

    def program(self, line: bytes) -> None:
        """One line of the program's output."""
        if self._json:
            self._program_in_json(line.decode(errors="replace").rstrip("\r\n"))
            return
        if len(line) > LINE_BYTES:
            line = line[:LINE_BYTES] + f" … [{len(line) - LINE_BYTES} bytes cut]".encode()
        text = line.decode(errors="replace").rstrip("\r\n")
        if text.strip():
            self.last.append(text)
        self._write(text)

    def _program_in_json(self, text: str) -> None:
        if text.strip():
            line = fitted(as_json(text, self._name), LINE_BYTES)
            # What is said in words is kept in those words: a traceback is known by them.
            self.last.extend([text] if parsed(text) is None else as_text(line))
            self._write(line)

    def say(self, text: str, level: str = "INFO") -> None:
        """One line of the launcher itself."""
        if self._json:
            self._write(made(self._name, level, "launcher", text))
            return
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        self._write(f"{clock}.{int(now % 1 * 1000):03d} {level} launcher: {text}")

    def apart(self) -> "Log":
        """The same log for another program beside, whose last lines are kept apart."""
        other = copy.copy(self)
        other.last = deque(maxlen=KEPT_LINES)
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
