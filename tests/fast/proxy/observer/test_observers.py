"""Which rooms are watched, and for how long: decided by what the timeline knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from pydantic import SecretStr

from proxy.clients.sfu import Sfu
from proxy.observer import observers, room_observer
from proxy.observer.observers import RoomObservers
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline
from proxy.verdicts.system_health import SystemHealth

AGENT = {"identity": "agent-AJ_1", "kind": "agent", "sid": "PA_1"}
CALLER = {"identity": "caller-1", "kind": "standard", "sid": "PA_2"}
ACCEPTED = {"job_id": "AJ_1"}


class Watched:
    """In the place of the connection to a room: notes who enters, and stays until it is ended."""

    entered: ClassVar[list[tuple[str, bool]]] = []
    left: ClassVar[list[str]] = []

    def __init__(self, settings: Any, timeline: Any, room: str, *, of_agent: bool) -> None:
        self.room, self.of_agent = room, of_agent

    async def run(self) -> bool:
        Watched.entered.append((self.room, self.of_agent))
        try:
            await asyncio.Event().wait()
        finally:
            Watched.left.append(self.room)
        return True


class Rooms:
    async def room(self, name: str) -> object | None:
        return object() if name != "gone" else None


@pytest.fixture
async def timeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Timeline]:
    Watched.entered, Watched.left = [], []
    monkeypatch.setattr(observers, "TOLD_S", 0.02)
    monkeypatch.setattr(observers, "REPORTED_S", 0.02)
    monkeypatch.setattr(room_observer, "RoomObserver", Watched)
    settings = ProxySettings(
        livekit_api_key="key",
        livekit_api_secret=SecretStr("s" * 32),
        calls_database=tmp_path / "calls.db",
    )
    made = Timeline(settings, SystemHealth)
    watching = RoomObservers(settings, cast(Sfu, Rooms()), made)
    yield made
    await watching.aclose()


async def until(true: Callable[[], bool]) -> bool:
    for _ in range(50):
        if true():
            return True
        await asyncio.sleep(0.01)
    return False


def reported(timeline: Timeline, room: str = "a") -> None:
    timeline.note(room, "signal", "participant_joined", CALLER, source="sfu")


async def test_a_room_for_which_another_agent_is_asked_is_entered_at_once(
    timeline: Timeline,
) -> None:
    reported(timeline)
    data = {"dispatch_id": "AD_1", "agent_name": "bot"}
    timeline.note("a", "dispatch", "made", data)
    assert await until(lambda: Watched.entered == [("a", True)])


async def test_a_call_of_our_own_agent_is_not_entered(timeline: Timeline) -> None:
    reported(timeline)
    timeline.note("a", "dispatch", "made", {"dispatch_id": "AD_1"})
    timeline.note("a", "join", "participant_joined", AGENT, source="sfu")
    timeline.note("a", "job", "accepted", ACCEPTED, source="agent")
    assert not await until(lambda: bool(Watched.entered))


async def test_an_agent_of_which_no_worker_tells_is_anothers(timeline: Timeline) -> None:
    reported(timeline)
    timeline.note("a", "join", "participant_joined", AGENT, source="sfu")
    assert await until(lambda: Watched.entered == [("a", True)])


async def test_the_room_is_left_when_its_worker_tells_after_all(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported(timeline)
    timeline.note("a", "join", "participant_joined", AGENT, source="sfu")
    assert await until(lambda: bool(Watched.entered))
    # Full meanwhile, and told twice at once: as a job does.
    monkeypatch.setattr(observers, "ROOMS_MAX", 0)
    timeline.note("a", "job", "accepted", ACCEPTED, source="agent")
    timeline.note("a", "job", "handshake_start", {}, source="agent")
    assert await until(lambda: Watched.left == ["a"])
    assert Watched.entered == [("a", True)]


async def test_our_agent_after_another_that_did_not_come_tells_for_itself(
    timeline: Timeline,
) -> None:
    reported(timeline)
    timeline.note("a", "dispatch", "found", {"dispatch_id": "AD_1", "agent_name": "bot"})
    assert await until(lambda: Watched.entered == [("a", True)])
    timeline.note("a", "dispatch", "made", {"dispatch_id": "AD_2"})
    timeline.note("a", "job", "accepted", ACCEPTED, source="agent")
    assert await until(lambda: Watched.left == ["a"])
    assert not await until(lambda: len(Watched.entered) > 1)


async def test_where_the_server_tells_nothing_the_room_is_watched_without_the_agent(
    timeline: Timeline,
) -> None:
    timeline.note("a", "dispatch", "made", {"dispatch_id": "AD_1"})
    timeline.note("a", "job", "accepted", ACCEPTED, source="agent")
    timeline.note("a", "job", "handshake_start", {}, source="agent")
    assert await until(lambda: Watched.entered == [("a", False)])
    assert not await until(lambda: bool(Watched.left))


async def test_a_room_that_is_not_there_is_not_made(timeline: Timeline) -> None:
    timeline.note("gone", "dispatch", "made", {"dispatch_id": "AD_1", "agent_name": "bot"})
    assert not await until(lambda: bool(Watched.entered))


async def test_only_so_many_rooms_are_watched(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(observers, "ROOMS_MAX", 2)
    for room in ("a", "b", "c"):
        timeline.note(room, "dispatch", "made", {"dispatch_id": room, "agent_name": "bot"})
    assert await until(lambda: len(Watched.entered) == 2)
    assert "Room c is not watched" in caplog.text
