"""Everything the worker reports about a call is one event, in one shape for every sink.

    {"at": EPOCH_S, "room": "r", "source": "agent", "stage": "think", "name": "request",
     "data": {}, "key": "AJ_xyz-4f2a-17"}

`key` is the same in every sink, and no other event has it. A call never waits for its
own bookkeeping: `emit` returns at once, and a sink that fails is logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from common import event_check

if TYPE_CHECKING:  # agent/letta/call.py has no LiveKit in it
    from livekit import rtc

logger = logging.getLogger("agent.events")

TOPIC = "voice.event"
LONGEST_EVENT = 12_000  # bytes; a data packet holds about 15 kB
LONGEST_TEXT = 2_000  # characters of one value, when an event is too long as a whole
MOST_WAITING = 1_000  # events kept until the room is connected

Event = dict[str, Any]


class Sink(Protocol):
    """Takes events at once, in order; `aclose` gives it a moment to pass on what waits."""

    def __call__(self, event: Event) -> None: ...

    async def aclose(self) -> None: ...


class Events:
    """The events of one call, in order, for each sink; `reporter` begins their keys."""

    def __init__(self, room: str, reporter: str) -> None:
        self._room = room
        # A job that is run again has the same id, and its events are others.
        self._reporter = f"{reporter}-{secrets.token_hex(2)}"
        self._count = 0
        self.sinks: list[Sink] = [LogSink()]

    def emit(self, stage: str, name: str, /, **data: Any) -> None:
        event_check.require("agent", f"{stage}.{name}", data)
        self._count += 1
        event = {
            "at": round(time.time(), 4),
            "room": self._room,
            "source": "agent",
            "stage": stage,
            "name": name,
            "data": data,
            "key": f"{self._reporter}-{self._count}",
        }
        for sink in self.sinks:
            try:
                sink(event)
            except Exception:
                logger.exception("an event could not be passed to %r", sink)

    async def aclose(self) -> None:
        for sink in self.sinks:
            await sink.aclose()


class LogSink:
    """Logs events at DEBUG."""

    def __call__(self, event: Event) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            data = json.dumps(event["data"], ensure_ascii=False, default=str)[:LONGEST_TEXT]
            logger.debug("%s %s %s", event["stage"], event["name"], data)

    async def aclose(self) -> None:
        """Nothing waits here."""


class RoomSink:
    """Publishes events to the room, in order; keeps them while the room is not connected yet."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._woken = asyncio.Event()
        self._task = asyncio.create_task(self._publish(), name="publish events")

    def __call__(self, event: Event) -> None:
        self._waiting.append(encode(event))
        self._woken.set()

    async def aclose(self) -> None:
        """Publish what waits if that is possible at once, then stop."""
        self._woken.set()
        await asyncio.sleep(0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _publish(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting and self._room.isconnected():
                payload = self._waiting.popleft()
                try:
                    await self._room.local_participant.publish_data(
                        payload, reliable=True, topic=TOPIC
                    )
                except Exception as error:  # the SDK raises bare exceptions; a lost event is logged
                    logger.warning("an event could not be published to the room: %s", error)


def encode(event: Event) -> bytes:
    """The event as JSON of at most LONGEST_EVENT bytes; a cut one says so in `data.cut`."""
    payload = _json(event)
    if len(payload) <= LONGEST_EVENT:
        return payload
    data = {key: _shortened(value, LONGEST_TEXT) for key, value in event["data"].items()}
    data["cut"] = f"this event had {len(payload)} bytes"
    payload = _json({**event, "data": data})
    if len(payload) <= LONGEST_EVENT:
        return payload
    return _json({**event, "data": {"cut": data["cut"]}})


def _json(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False, default=str).encode(errors="replace")


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, int | float | bool) or value is None:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
