"""Who watches a room: each has a bounded queue of what happens, and the latest verdicts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from common.events import Event
from proxy.timeline.event_data import to_json

QUEUE_MAX = 2000
"""Messages that wait for a slow watcher; with more it is cut off, and can resume."""


class Subscriber:
    """One watcher of one room."""

    def __init__(self, room: str, cut_off: Callable[[], None]) -> None:
        self.room = room
        self.ended = False
        self._cut_off = cut_off
        self._messages: deque[str] = deque()
        self._verdicts: str | None = None
        self._news = asyncio.Event()

    def put(self, message: str) -> None:
        if len(self._messages) >= QUEUE_MAX:
            self.end()
            self._cut_off()
            return
        self._messages.append(message)
        self._news.set()

    def put_verdicts(self, message: str) -> None:
        """Older verdicts that were not sent yet are of no use to anybody."""
        self._verdicts = message
        self._news.set()

    def end(self) -> None:
        self.ended = True
        self._messages.clear()
        self._news.set()

    async def next(self, timeout: float) -> str:
        """All that waits, as one text; empty when nothing came within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._news.wait()
        except TimeoutError:
            return ""
        self._news.clear()
        text = "".join(self._messages)
        self._messages.clear()
        text += self._verdicts or ""
        self._verdicts = None
        return text


class Subscribers:
    """All watchers, by room."""

    def __init__(self) -> None:
        self._rooms: dict[str, set[Subscriber]] = {}
        self._closed = False

    @property
    def rooms(self) -> list[str]:
        return list(self._rooms)

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def add(self, subscriber: Subscriber) -> None:
        if self._closed:
            subscriber.end()
        self._rooms.setdefault(subscriber.room, set()).add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        watching = self._rooms.get(subscriber.room, set())
        watching.discard(subscriber)
        if not watching:
            self._rooms.pop(subscriber.room, None)

    def publish(self, call_id: str, event: Event) -> None:
        if watching := self._rooms.get(event.room):
            message = event_message(call_id, event)
            for subscriber in list(watching):
                subscriber.put(message)

    def publish_verdicts(self, room: str, message: str) -> None:
        for subscriber in list(self._rooms.get(room, ())):
            subscriber.put_verdicts(message)

    def close(self) -> None:
        """End all streams; a new one ends at once."""
        self._closed = True
        for watching in self._rooms.values():
            for subscriber in watching:
                subscriber.end()


def event_message(call_id: str, event: Event) -> str:
    """An event of a call as the stream carries it."""
    text = to_json({**event.as_json(), "call": call_id})
    return f"id: {event.seq}\nevent: event\ndata: {text}\n\n"
