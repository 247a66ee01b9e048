"""The parts of a call: Letta is asked several times, and at the end each part is closed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from agent.job import resources
from agent.job.resources import AgentResources, open_conversation
from agent.turns import Turns
from common.letta.errors import LettaError
from common.retry import RetryPolicy
from tests.fast.agent.kept_events import collected


class Part:
    """Something that can be opened and closed, or fails to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.opened, self.closed = 0, False

    async def open(self) -> None:
        self.opened += 1
        if self.failures:
            raise self.failures.pop(0)

    async def close(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.closed = True

    aclose = close


class Callers:
    def __init__(self) -> None:
        self.closed = False

    def aclose(self) -> None:
        self.closed = True


async def nothing() -> None:
    """The conversation is open."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "OPEN_LETTA", RetryPolicy(tries=3, first_wait_s=0.0))


def away() -> LettaError:
    return LettaError("letta_unreachable", "nobody listens", "start it")


async def test_each_part_is_closed_even_if_another_fails(caplog: pytest.LogCaptureFixture) -> None:
    events, _ = collected()
    letta, stt, tts = Part(RuntimeError("no goodbye")), Part(), Part()
    parts: dict[str, Any] = {
        "letta": letta,
        "stt": stt,
        "tts": tts,
        "end_of_turn": (end_of_turn := Part()),
        "overlap": None,
        "session": None,
        "voice": None,
    }
    callers: Any = Callers()
    opened = asyncio.create_task(nothing())
    call = AgentResources(events, Turns(events), opened=opened, callers=callers, **parts)
    with caplog.at_level(logging.ERROR, "agent.job"):
        await call.aclose()
    assert all(part.closed for part in (stt, tts, end_of_turn, callers))
    assert "no goodbye" in caplog.text


async def test_letta_is_asked_again_and_each_retry_is_told() -> None:
    events, emitted = collected()
    letta: Any = Part(away(), away())
    await open_conversation(letta, events)
    assert letta.opened == 3
    assert [(event["name"], event["data"]["attempt"]) for event in emitted] == [
        ("retry", 1),
        ("retry", 2),
    ]
    assert emitted[0]["data"]["error"] == "nobody listens; start it"


async def test_letta_is_not_asked_for_ever() -> None:
    events, _ = collected()
    letta: Any = Part(*[away() for _ in range(5)])
    with pytest.raises(LettaError):
        await open_conversation(letta, events)
    assert letta.opened == 3


async def test_what_no_retry_can_help_is_not_tried_again() -> None:
    events, emitted = collected()
    letta: Any = Part(LettaError("agent_not_found", "no agent", "choose", retryable=False))
    with pytest.raises(LettaError):
        await open_conversation(letta, events)
    assert letta.opened == 1 and emitted == []
