"""The file in which a process keeps what happens in a call until the proxy has it.

`SPOOL/ROOM--WRITER.jsonl`, one event a line, in order. An event is in the kernel's hands when
`Spool` returns, so it outlives a killed process. The writer holds a lock on its file as long as it
lives, which is how agent/timeline/delivery.py knows that nothing more will come. A long call goes
on in `ROOM--WRITER.part0002.jsonl` and so on, so that what was delivered can be deleted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.events import Event, encode

logger = logging.getLogger("agent.timeline")

SUFFIX = ".jsonl"
PART = ".part"
LONGEST_NAME = 120  # characters of a room in a file's name; WRITER makes it unique
MOST_PART = 256 * 1024  # bytes of one file
MOST_CALL = 8 * 1024 * 1024  # bytes of one writer that wait to be delivered
MOST_ALL = 64 * 1024 * 1024  # bytes of the whole folder
TRY_AGAIN_AFTER = 2.0  # seconds after a write that failed


class Spool:
    """A sink of agent/events.py. When the disk refuses, events are lost, not the call: it is
    logged once, and the file says how many as soon as it can be written again."""

    def __init__(self, folder: Path, room: str, writer: str) -> None:
        self._folder = folder
        self._stem = f"{quote(room, safe='').replace('.', '%2E')[:LONGEST_NAME]}--{writer}"
        self._part = 1
        self._file: int | None = None
        self._torn = False  # the last line was cut short, so the next one begins a new line
        self._lost = 0
        self._try_again_at = 0.0

    def __call__(self, event: Event) -> None:
        if self._lost and time.monotonic() < self._try_again_at:
            self._lost += 1
            return
        try:
            self._write(event)
        except OSError as error:
            self._lose(error)

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more will come: gives up the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, event: Event) -> None:
        file = self._writable()
        data = encode(event) + b"\n"
        if self._lost:
            data = encode(self._told_loss(event)) + b"\n" + data
        if self._torn:
            data = b"\n" + data
        written = os.write(file, data)
        self._torn = 0 < written < len(data)
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._lost = 0

    def _writable(self) -> int:
        if self._file is not None:
            now = os.fstat(self._file)
            if now.st_nlink and now.st_size < MOST_PART:
                return self._file
            self.close()
            self._part += now.st_nlink > 0
        if self._lost or self._part > 1:
            check_room(self._folder, self._stem)
        self._file = self._open()
        return self._file

    def _open(self) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = part_path(self._folder, self._stem, self._part)
        while True:
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            now = os.fstat(file)
            if now.st_nlink:  # else deleted as an old one between the two lines above
                self._torn = now.st_size > 0 and os.pread(file, 1, now.st_size - 1) != b"\n"
                return file
            os.close(file)

    def _lose(self, error: OSError) -> None:
        self._try_again_at = time.monotonic() + TRY_AGAIN_AFTER
        self._lost += 1
        if self._lost == 1:
            logger.error(
                "what happens in this call cannot be kept for the timeline (%s); the call goes on "
                "without. Free space in AGENT_SPOOL_DIR (%s), or make it writable",
                error,
                self._folder,
            )

    def _told_loss(self, event: Event) -> dict[str, Any]:
        logger.warning("the timeline misses %s events of this call", self._lost)
        return {
            **event,
            "stage": "job",
            "name": "degraded",
            "data": {
                "what": "timeline",
                "error": f"AGENT_SPOOL_DIR ({self._folder}) was full or could not be written",
                "consequence": f"{self._lost} events of the call are missing here",
            },
            "key": f"{event['key']}-lost",
        }


def check_room(folder: Path, stem: str) -> None:
    """Raise OSError when the writer, or the whole folder, has as much waiting as it may."""
    own = total = 0
    for path in spooled(folder):
        size = size_of(path)
        total += size
        own += size if stem_of(path) == stem else 0
    for bytes_, most, what in ((own, MOST_CALL, "this call"), (total, MOST_ALL, "all calls")):
        if bytes_ > most:
            raise OSError(errno.EDQUOT, f"{bytes_ >> 20} MB of {what} wait for the proxy already")


def spooled(folder: Path) -> Iterator[Path]:
    """The files of events in the folder; none when there is no such folder."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                yield folder / entry.name


def part_path(folder: Path, stem: str, part: int) -> Path:
    return folder / (f"{stem}{SUFFIX}" if part == 1 else f"{stem}{PART}{part:04}{SUFFIX}")


def stem_of(path: Path) -> str:
    """ROOM--WRITER: what the parts of one writer share."""
    return path.name.partition(".")[0]


def part_of(path: Path) -> int:
    number = path.name.removesuffix(SUFFIX).partition(PART)[2]
    return int(number) if number.isdecimal() else 1


@contextlib.contextmanager
def left_alone(path: Path) -> Iterator[bool]:
    """Whether its writer is gone; if so, no other begins to write to it meanwhile."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def parsed(line: bytes) -> Event | None:
    """The event of a line; None for what is none, such as the last line of a full disk."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("room"), str) else None


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
