"""What one writer has spooled, read in order, and how far of it the proxy has.

The place is kept in `ROOM--WRITER.sent` (number of the part, byte in it), so that another worker
goes on where this one ended. It may be some seconds old, since the proxy keeps each event once.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agent.timeline.spool import (
    left_alone,
    parsed,
    part_of,
    part_path,
    size_of,
    spooled,
    stem_of,
)

logger = logging.getLogger("agent.timeline")

MOST_EVENTS = 200  # of one batch; the proxy takes no more
MOST_BYTES = 256 * 1024
SENT_SUFFIX = ".sent"
NOTED_EVERY = 2.0  # seconds


class Place(NamedTuple):
    """Between two lines."""

    part: int
    byte: int


@dataclass(frozen=True)
class Batch:
    """Lines of one room, and the place after them."""

    room: str
    lines: list[bytes]
    events: list[dict[str, Any]]
    end: Place


class Tail:
    """The files of one writer."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder = folder
        self.stem = stem
        self._sent_path = folder / f"{stem}{SENT_SUFFIX}"
        self.stored = self._noted = self._remembered()
        self._noted_at = time.monotonic()

    def read(self, place: Place) -> Batch | None:
        """The whole lines after `place`, as many as fit into a batch; None when there are none."""
        while True:
            batch = self._whole_lines(place)
            following = None if batch else self._part_after(place.part)
            if following is None:
                return batch
            # A writer that has begun another part adds nothing more to this one.
            if batch := self._whole_lines(place):
                return batch
            place = Place(following, 0)

    def keep(self, stored: Place) -> None:
        """The proxy has all before `stored`: remember that, and delete what is not needed."""
        for part in range(self.stored.part, stored.part):
            part_path(self._folder, self.stem, part).unlink(missing_ok=True)
        self.stored = stored
        if time.monotonic() - self._noted_at > NOTED_EVERY:
            self.note()

    def note(self) -> None:
        """Write the place down; on a full disk it stays where it was."""
        if self.stored != self._noted:
            fresh = self._folder / f"{self.stem}{SENT_SUFFIX}.new"
            try:
                fresh.write_text(f"{self.stored.part} {self.stored.byte}")
                fresh.replace(self._sent_path)
            except OSError as error:
                logger.warning("how far %s was sent cannot be written down: %s", self.stem, error)
        self._noted, self._noted_at = self.stored, time.monotonic()

    def delete_if_over(self) -> bool:
        """Delete what is left when the writer is gone and all it wrote is stored; whether so."""
        parts = self._parts()
        with contextlib.ExitStack() as held:
            if parts:
                last = part_path(self._folder, self.stem, parts[-1])
                if not held.enter_context(left_alone(last)):
                    return False
            if self.read(self.stored) is not None:  # written since it was read last
                return False
            for part in parts:
                part_path(self._folder, self.stem, part).unlink(missing_ok=True)
            self._sent_path.unlink(missing_ok=True)
            self._noted = self.stored
        return True

    def _whole_lines(self, place: Place) -> Batch | None:
        path = part_path(self._folder, self.stem, place.part)
        if size_of(path) <= place.byte:
            return None
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(place.byte)
            data = file.read(MOST_BYTES)
            if whole := data[: data.rfind(b"\n") + 1]:
                return self._batch(place, whole)
        return None

    def _batch(self, place: Place, whole: bytes) -> Batch:
        lines, events, room, byte = [], [], "", place.byte
        for line in whole.splitlines(keepends=True)[:MOST_EVENTS]:
            event = parsed(line)
            if event is not None:
                room = room or event["room"]
                lines.append(line.rstrip(b"\n"))
                events.append(event)
            elif line.strip():
                logger.warning("%s: a line is not an event, so it is left out", self.stem)
            byte += len(line)
        return Batch(room, lines, events, Place(place.part, byte))

    def _parts(self) -> list[int]:
        return sorted(part_of(path) for path in spooled(self._folder) if stem_of(path) == self.stem)

    def _part_after(self, part: int) -> int | None:
        following = part_path(self._folder, self.stem, part + 1)
        if following.exists():
            return part + 1
        if part_path(self._folder, self.stem, part).exists():
            return None
        return next((later for later in self._parts() if later > part), None)

    def _remembered(self) -> Place:
        try:
            part, byte = self._sent_path.read_text().split()
            return Place(int(part), int(byte))
        except (OSError, ValueError):
            return Place(1, 0)  # from the start: the proxy keeps each event once
