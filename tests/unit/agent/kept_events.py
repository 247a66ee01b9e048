"""Events that go nowhere but into a list."""

from __future__ import annotations

from agent.events import Event, Events


class Kept:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    async def aclose(self) -> None:
        pass


def collected() -> tuple[Events, list[Event]]:
    events, sink = Events("r", "test"), Kept()
    events.sinks = [sink]
    return events, sink.events
