"""Who said what, from the text streams that the agent sends on `lk.transcription`."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from livekit import rtc

from dev.caller.changes import Changes

TOPIC = "lk.transcription"
SEGMENT = "lk.segment_id"
FINAL = "lk.transcription_final"

logger = logging.getLogger(__name__)


@dataclass
class Segment:
    """A stretch of speech as text. `at` is when its first text arrived (time.monotonic())."""

    speaker: str  # identity of the participant
    at: float
    text: str = ""
    final: bool = False


class Transcripts:
    """Collects segments; a later stream of the same segment replaces the earlier text."""

    def __init__(self, changes: Changes) -> None:
        self.segments: dict[str, Segment] = {}
        self._changes = changes
        self._reading: set[asyncio.Task[None]] = set()

    def attach(self, room: rtc.Room) -> None:
        room.register_text_stream_handler(TOPIC, self._opened)

    def since(self, moment: float, speaker: str, other: bool = False) -> list[Segment]:
        """Segments of this speaker (or of everybody else) that began after `moment`, in order."""
        return [
            each
            for each in self.segments.values()
            if each.at >= moment and (each.speaker == speaker) != other and each.text.strip()
        ]

    def _opened(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        task = asyncio.create_task(self._read(reader, speaker))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        attributes = reader.info.attributes or {}
        name = attributes.get(SEGMENT) or reader.info.stream_id
        segment = self.segments.setdefault(name, Segment(speaker, time.monotonic()))
        text = ""
        try:
            async for chunk in reader:
                text += chunk
                segment.text = text
                self._changes.notify()
        except ConnectionError:
            logger.debug("the stream of segment %s ended before its end", name)
        if attributes.get(FINAL) == "true" or (reader.info.attributes or {}).get(FINAL) == "true":
            segment.final = True
        self._changes.notify()
