"""Dispatches at the same moment: each room gets exactly one agent, however many ask."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator

import pytest
from livekit import api

from tests.running_system import System
from tools.bench.figures.dispatches import storm

ROOMS = 7  # more than the idle processes of the worker, and not too many for two cores
REQUESTS = 20
END_S = 30.0


@pytest.fixture
async def livekit(system: System) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as client:
        yield client
    await _no_more_jobs(system)


def rooms(count: int) -> list[str]:
    stamp = time.time_ns() // 1_000_000
    return [f"at-once-{stamp}-{number}" for number in range(count)]


async def test_rooms_asked_for_at_the_same_moment_get_one_agent_each(
    system: System, livekit: api.LiveKitAPI
) -> None:
    found = await storm(system.proxy_url, livekit, rooms(ROOMS))
    assert not [each.problem for each in found if each.problem]
    assert not any(each.refused for each in found), [each.answers for each in found]


async def test_a_room_asked_for_many_times_at_the_same_moment_gets_one_agent(
    system: System, livekit: api.LiveKitAPI
) -> None:
    (found,) = await storm(system.proxy_url, livekit, rooms(1), requests=REQUESTS)
    assert not found.problem
    assert len(found.answers) == REQUESTS
    assert not found.refused, found.answers
    asked = [each for each in found.answers if "was asked to join" in each]
    assert len(asked) == 1, found.answers  # the others are told that it is on its way, or there


async def _no_more_jobs(system: System) -> None:
    deadline = time.monotonic() + END_S
    while jobs := await asyncio.to_thread(_jobs, system):
        assert time.monotonic() < deadline, f"still there: {jobs}"
        await asyncio.sleep(0.2)


def _jobs(system: System) -> list[object]:
    with urllib.request.urlopen(f"{system.agent_url}/worker", timeout=5) as answer:
        jobs: list[object] = json.load(answer)["jobs"]
    return jobs
