"""The events of one call, in the order in which they happened, looked up by `stage.name`.

Anybody may report events, and an agent that is not ours reports what it likes: a value that is not
of the type that common/event_table.py gives it is not looked up.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from common import event_check
from common.events import Event

Order = tuple[float, int]


def order(event: Event) -> Order:
    """By which events stand in a history: when they happened, then when the proxy took them."""
    return event.at, event.seq


class History:
    """Grows by `add`; an event that arrives late takes its place by its time."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._by_topic: dict[str, list[Event]] = {}
        self._events: list[Event] = []
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        insort(self._events, event, key=order)
        insort(self._by_topic.setdefault(event.topic, []), _readable(event), key=order)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def last(
        self,
        *topics: str,
        source: str | None = None,
        since: Order | None = None,
        until: Order | None = None,
        **data: Any,
    ) -> Event | None:
        """The latest event of any of the topics, of this source and with these values in `data`.

        `since` and `until` bound the search; events in that very place count.
        """
        latest: Event | None = None
        for topic in topics:
            events = self._by_topic.get(topic)
            if events is None:
                continue
            event = _last_of(events, source, until, data)
            if event is not None and (latest is None or order(event) > order(latest)):
                latest = event
        if latest is not None and since is not None and order(latest) < since:
            return None
        return latest

    def first(self, *topics: str, since: Order | None = None) -> Event | None:
        """The earliest event of any of the topics, from `since` on."""
        earliest: Event | None = None
        for topic in topics:
            events = self._by_topic.get(topic, [])
            start = 0 if since is None else bisect_left(events, since, key=order)
            if start < len(events) and (earliest is None or order(events[start]) < order(earliest)):
                earliest = events[start]
        return earliest

    def all(self, *topics: str, since: float = 0.0) -> list[Event]:
        """Every event of the topics from the time `since` on, in order."""
        matches: list[Event] = []
        for topic in topics:
            events = self._by_topic.get(topic, [])
            matches += events[bisect_left(events, since, key=lambda event: event.at) :]
        if len(topics) > 1:
            matches.sort(key=order)
        return matches

    def after(self, event: Event | None, *topics: str) -> Event | None:
        """The latest event of the topics that happened after `event`; None when there is none."""
        latest = self.last(*topics)
        if latest is None or event is None:
            return latest
        return latest if order(latest) > order(event) else None


def _readable(event: Event) -> Event:
    data = event_check.readable(event.topic, event.data)
    return event if data is event.data else replace(event, data=dict(data))


def _last_of(
    events: list[Event], source: str | None, until: Order | None, data: dict[str, Any]
) -> Event | None:
    end = len(events) if until is None else bisect_right(events, until, key=order)
    if source is None and not data:
        return events[end - 1] if end else None
    for place in range(end - 1, -1, -1):
        event = events[place]
        if source is not None and event.source != source:
            continue
        if all(event.data.get(name) == value for name, value in data.items()):
            return event
    return None
