"""What is spooled reaches the timeline in order and once, however the proxy fails in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.events import Events
from agent.timeline import delivery as delivery_module
from agent.timeline import spool, tail
from agent.timeline.delivery import Count, Delivery, clean
from agent.timeline.spool import Spool, spooled
from tests.fast.agent.loopback_timeline import Fault, LoopbackTimeline

pytestmark = pytest.mark.usefixtures("any_events")


class Call:
    """A writer, as a job process has one."""

    def __init__(self, folder: Path, room: str = "r", writer: str = "AJ_1") -> None:
        self._events = Events(room, writer)
        self._spool = Spool(folder, room, writer)
        self._events.sinks = [self._spool]
        self._count = 0

    def emit(self, times: int = 1, text: str = "") -> None:
        for _ in range(times):
            self._events.emit("think", "token", n=self._count, text=text)
            self._count += 1

    def key(self, number: int) -> str:
        return f"{self._events._reporter}-{number + 1}"

    def end(self) -> None:
        self._spool.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(delivery_module, "STORE_AGAIN_AFTER", 0.02)


@pytest.fixture
async def timeline() -> AsyncIterator[LoopbackTimeline]:
    timeline = LoopbackTimeline()
    await timeline.start()
    yield timeline
    await timeline.stop()


@contextlib.asynccontextmanager
async def delivering(
    folder: Path,
    timeline: LoopbackTimeline,
    patience: float = 0.0,
    count: Count = lambda _: None,
) -> AsyncIterator[None]:
    """A deliverer, ended as by a kill (`patience` 0) or by a stop."""
    async with aiohttp.ClientSession() as session:
        delivery = Delivery(folder, timeline.sender(session), count)
        running = asyncio.create_task(delivery.run())
        try:
            yield
        finally:
            await delivery.stop(patience)
            await running


async def gone(folder: Path) -> None:
    async with asyncio.timeout(5):
        while list(folder.iterdir()):  # noqa: ASYNC110 (nobody tells of a deleted file)
            await asyncio.sleep(0.01)


async def test_events_arrive_while_the_call_goes_on(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    async with delivering(tmp_path, timeline):
        call = Call(tmp_path)
        for n in range(1, 6):
            call.emit()
            await timeline.until(lambda n=n: len(timeline.stored) == n)  # type: ignore[misc]
        assert list(spooled(tmp_path)), "the job lives, so its file does"
        call.end()
        await gone(tmp_path)
    assert timeline.numbers() == [0, 1, 2, 3, 4]
    token = timeline.tokens[0]
    assert (token["sub"], token["video"]["agent"], token["video"]["room"]) == ("agent", True, "r")
    assert token["exp"] - token["nbf"] <= 300


@pytest.mark.parametrize("fault", ["500", "429", "401", "not stored", "cut", "nonsense"])
async def test_each_event_arrives_once_and_in_order_whatever_fails(
    tmp_path: Path, timeline: LoopbackTimeline, fault: Fault
) -> None:
    timeline.faults.extend([fault] * 3)
    call = Call(tmp_path)
    async with delivering(tmp_path, timeline):
        call.emit(500)
        call.end()
        await gone(tmp_path)
    assert timeline.numbers() == list(range(500))


async def test_a_proxy_that_is_away_gets_all_when_it_is_back(
    tmp_path: Path, timeline: LoopbackTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    call = Call(tmp_path)
    with caplog.at_level(logging.INFO):
        async with delivering(tmp_path, timeline):
            call.emit(3)
            await timeline.until(lambda: len(timeline.stored) == 3)
            await timeline.stop()
            call.emit(300)
            async with asyncio.timeout(5):
                while "does not take events now" not in caplog.text:  # noqa: ASYNC110 (a log line)
                    await asyncio.sleep(0.01)
            await timeline.start()
            call.emit(3)
            await timeline.until(lambda: len(timeline.stored) == 306)
            call.end()
            await gone(tmp_path)
    assert timeline.numbers() == list(range(306))
    assert caplog.text.count("does not take events now") == 1
    assert caplog.text.count("takes events again") == 1


async def test_events_are_counted_once_and_at_once_also_without_a_proxy(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    counted: list[int] = []
    call = Call(tmp_path)
    async with delivering(
        tmp_path, timeline, count=lambda event: counted.append(event["data"]["n"])
    ):
        call.emit(3)
        await timeline.until(lambda: len(timeline.stored) == 3)
        await timeline.stop()
        call.emit(5)
        async with asyncio.timeout(5):
            while len(counted) < 8:  # noqa: ASYNC110 (nobody tells of a count)
                await asyncio.sleep(0.01)
        await timeline.start()
        timeline.faults.extend(["not stored", "500", "not stored"])
        call.emit(2000)
        call.end()
        await gone(tmp_path)
    assert counted == list(range(2008))


async def test_a_slow_proxy_gets_each_event_once(
    tmp_path: Path, timeline: LoopbackTimeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.timeline import client as sending

    monkeypatch.setattr(sending, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    timeline.faults.extend(["slow", "slow"])
    call = Call(tmp_path)
    call.emit(10)
    call.end()
    async with delivering(tmp_path, timeline):
        await gone(tmp_path)
    assert timeline.numbers() == list(range(10))
    assert len(timeline.tokens) == 3


async def test_while_nothing_can_be_stored_new_events_are_shown_at_once(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    timeline.always = "not stored"
    call = Call(tmp_path)
    async with delivering(tmp_path, timeline):
        for n in range(1, 4):
            call.emit()
            seen = {"n": n - 1}
            await timeline.until(lambda seen=seen: seen["n"] in shown(timeline))  # type: ignore[misc]
        assert timeline.stored == []
        timeline.always = None
        call.end()
        await gone(tmp_path)
    assert timeline.numbers() == [0, 1, 2]


def shown(timeline: LoopbackTimeline) -> list[int]:
    return [one["data"]["n"] for one in timeline.shown]


async def test_one_bad_event_costs_only_itself(
    tmp_path: Path, timeline: LoopbackTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    call = Call(tmp_path)
    timeline.hostile = {call.key(77), call.key(150)}
    call.emit(200)
    call.end()
    async with delivering(tmp_path, timeline):
        await gone(tmp_path)
    assert timeline.numbers() == [n for n in range(200) if n not in (77, 150)]
    refused = [one for one in caplog.messages if "refuses an event" in one]
    assert len(refused) == 2 and '"n": 77' in refused[0]


async def test_lines_that_are_no_events_are_left_out(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    call = Call(tmp_path)
    call.emit(2)
    (path,) = spooled(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"at": 1, "room": "r", "st\n[1]\nnull\n\n')
    call.emit(2)
    with path.open("ab") as file:
        file.write(b'{"at": 1, "room": "r", "sta')  # killed while it wrote
    call.end()
    async with delivering(tmp_path, timeline):
        await gone(tmp_path)
    assert timeline.numbers() == [0, 1, 2, 3]


async def test_deliverers_that_are_killed_again_and_again_lose_nothing(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    call = Call(tmp_path)
    for _ in range(10):
        call.emit(100)
        timeline.faults.append("cut")
        before = timeline.requests
        async with delivering(tmp_path, timeline):
            await timeline.until(lambda: timeline.requests > before)  # noqa: B023 (at once)
    call.end()
    async with delivering(tmp_path, timeline):
        await gone(tmp_path)
    assert timeline.numbers() == list(range(1000))


async def test_a_later_deliverer_goes_on_where_the_last_ended(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    call = Call(tmp_path)
    call.emit(600)
    async with delivering(tmp_path, timeline, patience=5):
        await timeline.until(lambda: len(timeline.stored) == 600)
    sent = timeline.requests
    call.emit(1)
    async with delivering(tmp_path, timeline, patience=5):
        await timeline.until(lambda: len(timeline.stored) == 601)
    assert timeline.requests == sent + 1
    call.end()


async def test_a_place_that_cannot_be_written_down_holds_nothing_up(
    tmp_path: Path, timeline: LoopbackTimeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "NOTED_EVERY", 0.0)
    call = Call(tmp_path)
    (tmp_path / "r--AJ_1.sent.new").mkdir()
    async with delivering(tmp_path, timeline):
        for n in range(1, 4):
            call.emit()
            await timeline.until(lambda n=n: len(timeline.stored) == n)  # type: ignore[misc]
    assert timeline.numbers() == [0, 1, 2]
    call.end()


async def test_a_long_call_is_delivered_in_parts_that_go_when_they_are(
    tmp_path: Path, timeline: LoopbackTimeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_PART", 2_000)
    monkeypatch.setattr(tail, "MOST_BYTES", 1_500)
    call = Call(tmp_path)
    async with delivering(tmp_path, timeline):
        for _ in range(30):
            call.emit(20)
            await asyncio.sleep(0.001)
        await timeline.until(lambda: len(timeline.stored) == 600)
        assert len(list(spooled(tmp_path))) <= 2
        call.end()
        await gone(tmp_path)
    assert timeline.numbers() == list(range(600))


async def test_a_room_that_is_stuck_stops_no_other(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    timeline.broken_room = "stuck"
    stuck, other = Call(tmp_path, "stuck", "AJ_1"), Call(tmp_path, "other", "AJ_2")
    for one in (stuck, other):
        one.emit(5)
        one.end()
    async with delivering(tmp_path, timeline):
        await timeline.until(lambda: len(timeline.numbers("other")) == 5)
        assert timeline.numbers("stuck") == []
        timeline.broken_room = ""
        await gone(tmp_path)
    assert timeline.numbers("stuck") == list(range(5))


async def test_very_many_calls_left_behind_are_all_delivered(
    tmp_path: Path, timeline: LoopbackTimeline
) -> None:
    for n in range(100):
        call = Call(tmp_path, f"room {n}", f"AJ_{n}")
        call.emit(3)
        call.end()
    async with delivering(tmp_path, timeline):
        await gone(tmp_path)
    assert len(timeline.stored) == 300


def test_the_oldest_ended_calls_go_when_too_much_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery_module, "MOST_LEFT_BEHIND", 2_500)
    calls = [Call(tmp_path, f"room-{n}", f"AJ_{n}") for n in range(4)]
    for call in calls:
        call.emit(1, "x" * 850)
    for call in calls[1:]:
        call.end()
    clean(tmp_path)
    left = {path.name.partition("--")[0] for path in spooled(tmp_path)}
    assert "room-0" in left, "its call goes on"
    assert len(left) == 2 and "room-1" not in left
    assert "without having been delivered" in caplog.text
    calls[0].end()
