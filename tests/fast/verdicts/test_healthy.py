"""A call in which nothing is wrong shows no failing verdict, at no moment and in no order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.events import Event
from proxy.verdicts.history import History
from proxy.verdicts.judge import failing, judge
from proxy.verdicts.system_health import SystemHealth
from tests.fast.verdicts.replay import BEGAN, HEALTHY, HISTORIES, all_rows, events_of, read

FILES = sorted((HISTORIES / "healthy").glob("*.json"))
STEP_S = 0.25
AFTER_S = 30.0
QUICK_MS = 2.0
"""A millisecond when nothing else runs; the caches of a busy machine cost as much again."""


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def events(path: Path) -> list[Event]:
    return events_of(all_rows(read(path)))


@pytest.fixture
def health(path: Path) -> SystemHealth:
    """A healthy system; what is usual for the agent of the call may stand in the file."""
    return replace(HEALTHY, usual=read(path).get("usual", {}))


def moments(events: list[Event]) -> Iterator[tuple[History, float]]:
    """The history at each event, and between two events at each quarter of a second."""
    history = History()
    ordered = sorted(events, key=lambda event: event.at)
    for place, event in enumerate(ordered):
        history.add(event)
        until = ordered[place + 1].at if place + 1 < len(ordered) else event.at + AFTER_S
        now = event.at
        while now < until:
            yield history, now
            now += STEP_S


def test_no_moment_fails(events: list[Event], health: SystemHealth) -> None:
    for history, now in moments(events):
        verdicts = judge(history, health, now)
        stage = failing(verdicts)
        assert stage is None, f"{now - BEGAN:.2f} s: {verdicts[stage]}"


def test_no_moment_fails_while_events_are_late(events: list[Event], health: SystemHealth) -> None:
    """The agent's events come by a file, up to half a second after the others."""
    arrivals = sorted(events, key=lambda event: event.at + (0.5 if event.source == "agent" else 0))
    history = History()
    for event in arrivals:
        history.add(event)
        now = event.at + (0.5 if event.source == "agent" else 0)
        verdicts = judge(history, health, now)
        stage = failing(verdicts)
        assert stage is None, f"{now - BEGAN:.2f} s: {verdicts[stage]}"


def test_the_order_of_arrival_does_not_matter(events: list[Event], health: SystemHealth) -> None:
    now = max(event.at for event in events) + 1.0
    shuffled = list(events)
    random.Random(1).shuffle(shuffled)
    assert judge(History(shuffled), health, now) == judge(History(events), health, now)


def test_a_page_whose_clock_is_wrong_fails_nowhere(
    events: list[Event], health: SystemHealth
) -> None:
    for behind in (-3.0, 3.0):
        skewed = [
            replace(event, at=event.at - behind) if event.source == "browser" else event
            for event in events
        ]
        arrivals = [pair[0] for pair in sorted(zip(skewed, events, strict=True), key=_arrival)]
        history, real = History(), sorted(event.at for event in events)
        for event, now in zip(arrivals, real, strict=True):
            history.add(event)
            verdicts = judge(history, health, now)
            stage = failing(verdicts)
            assert stage is None, f"{behind}: {now - BEGAN:.2f} s: {verdicts[stage]}"


def test_a_long_call_is_judged_quickly() -> None:
    """3000 events: what happens in it again and again, one after another."""
    path = HISTORIES / "healthy" / "page-twice-in-a-room.json"
    once = sorted(events_of(all_rows(read(path))), key=lambda event: event.at)
    length = once[-1].at - once[0].at + 60.0
    history = History()
    for number in range(3000 // len(once) + 1):
        for event in once:
            history.add(replace(event, at=event.at + number * length, seq=len(history) + 1))
    now = BEGAN + length * 20
    judge(history, HEALTHY, now)
    took = []
    for _ in range(20):
        began = time.thread_time()
        judge(history, HEALTHY, now)
        took.append((time.thread_time() - began) * 1000)
    # The least: others may run on this machine, and share its caches.
    assert min(took) < QUICK_MS, f"{min(took):.2f} ms for {len(history)} events"


def _arrival(pair: tuple[Event, Event]) -> float:
    return pair[1].at
