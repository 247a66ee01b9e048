"""The events of one call, in the order in which they happened, looked up by `stage.name`."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from typing import Any

from proxy.timeline.event import Event


def _order(event: Event) -> tuple[float, int]:
    return event.at, event.seq


class History:
    """Grows by `add`; an event that arrives late takes its place by its time."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._by_topic: dict[str, list[Event]] = {}
        self._events: list[Event] = []
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        insort(self._events, event, key=_order)
        insort(self._by_topic.setdefault(event.topic, []), event, key=_order)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def last(self, *topics: str, source: str | None = None, **data: Any) -> Event | None:
        """The latest event of any of the topics, of this source and with these values in `data`."""
        found = [
            event for topic in topics if (event := self._last_of(topic, source, data)) is not None
        ]
        return max(found, key=_order, default=None)

    def first(self, *topics: str) -> Event | None:
        """The earliest event of any of the topics."""
        found = [self._by_topic[topic][0] for topic in topics if self._by_topic.get(topic)]
        return min(found, key=_order, default=None)

    def all(self, *topics: str, since: float = 0.0) -> list[Event]:
        """Every event of the topics from `since` on, in order."""
        found = [
            event
            for topic in topics
            for event in self._by_topic.get(topic, [])
            if event.at >= since
        ]
        return sorted(found, key=_order)

    def after(self, event: Event | None, *topics: str) -> Event | None:
        """The latest event of the topics that happened after `event`; None when there is none."""
        latest = self.last(*topics)
        if latest is None or event is None:
            return latest
        return latest if _order(latest) > _order(event) else None

    def _last_of(self, topic: str, source: str | None, data: dict[str, Any]) -> Event | None:
        for event in reversed(self._by_topic.get(topic, [])):
            if source is not None and event.source != source:
                continue
            if all(event.data.get(name) == value for name, value in data.items()):
                return event
        return None
