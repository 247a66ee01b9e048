"""Events and reports that go nowhere but into a list."""

from __future__ import annotations

from typing import Any

from agent.events import Event, Events
from agent.speech.reports import Degraded, Reports


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


class ReportKeeper:
    """A listener of reports: their events are emitted, and what is degraded is kept."""

    def __init__(self, events: Events) -> None:
        self.degradations: list[Degraded] = []
        self._events = events

    def event(self, stage: str, name: str, /, **data: Any) -> None:
        self._events.emit(stage, name, **data)

    def degraded(self, degraded: Degraded) -> None:
        self.degradations.append(degraded)


def heard_reports(events: Events) -> tuple[Reports, list[Degraded]]:
    reports, keeper = Reports(), ReportKeeper(events)
    reports.listen(keeper)
    return reports, keeper.degradations
