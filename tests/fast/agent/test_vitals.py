"""What a process knows of itself: errors, and how late its loop is; and how a job tells it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from agent.job import process
from agent.job.process import JobVitals
from common import vitals
from common.vitals import Vitals

QUICK = 0.02


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "EVERY_S", QUICK)


@pytest.fixture
def counting() -> Iterator[Vitals]:
    made = Vitals()
    root = logging.getLogger()
    root.addHandler(made)
    yield made
    root.removeHandler(made)


@pytest.fixture(autouse=True)
async def _alone() -> AsyncIterator[None]:
    """What watches a job process does so until that ends."""
    before = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = before
    for task in asyncio.all_tasks():
        if task.get_name() == "vitals":
            task.cancel()


async def held_up(seconds: float) -> None:
    """Let the loop turn, stand still, and turn again."""
    await asyncio.sleep(QUICK * 2)
    time.sleep(seconds)  # noqa: ASYNC251 - this is what is measured
    await asyncio.sleep(QUICK * 2)


async def test_a_loop_that_was_held_up_is_late_by_as_much_for_a_while(counting: Vitals) -> None:
    measuring = asyncio.create_task(counting.watch())
    await held_up(0.3)
    measuring.cancel()
    assert 0.3 - 2 * QUICK <= counting.lag < 3


async def test_it_forgets(counting: Vitals) -> None:
    turned = asyncio.Event()
    looks: list[float] = []

    def looked(lag: float) -> None:
        looks.append(lag)
        if len(looks) == 1:
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        if len(looks) > vitals.LOOKS + 3 and max(looks[-vitals.LOOKS :]) < 0.2:
            turned.set()

    measuring = asyncio.create_task(counting.watch(looked))
    await asyncio.wait_for(turned.wait(), 30)
    measuring.cancel()
    assert max(looks) > 0.2 > counting.lag


def test_errors_are_counted_and_age(counting: Vitals, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("agent.test")
    logger.error("one")
    logger.warning("is none")
    logger.error("two")
    assert (counting.errors, counting.recent_errors) == (2, 2)
    later = time.time() + vitals.RECENT_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert (counting.errors, counting.recent_errors) == (2, 0)


async def test_a_job_tells_of_itself_first_soon_then_each_minute_or_when_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "FIRST_TOLD", 0.0)
    monkeypatch.setattr(process, "LATE", 0.2)
    monkeypatch.setattr(process, "LATE_TOLD_EVERY", 0.0)
    told: list[tuple[str, str, dict[str, Any]]] = []
    happened = asyncio.Event()

    def emit(stage: str, name: str, /, **data: Any) -> None:
        told.append((stage, name, data))
        happened.set()

    JobVitals(emit)
    await asyncio.wait_for(happened.wait(), 10)
    stage, name, data = told[0]
    assert (stage, name, data["errors"]) == ("job", "health", 0)
    assert data["memory_mb"] > 10 and data["cpu_s"] > 0
    happened.clear()
    before = len(told)
    await held_up(0.3)
    await asyncio.wait_for(happened.wait(), 10)
    assert len(told) > before and told[-1][2]["lag"] >= 0.2


async def test_what_is_not_late_is_not_told_before_its_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "LATE", 30.0)
    told: list[object] = []
    JobVitals(lambda *_, **data: told.append(data))
    await held_up(0.1)
    assert told == []
