"""The first words of a call: the greeting, or what is wrong."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agent.job.job import greet

GREETING = "Welcome."


class Voice:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.said = asyncio.Event()

    def begin(self, greeting: str | None) -> None:
        self.spoken.append(greeting or "no greeting")

    def say(self, sentence: str) -> None:
        self.spoken.append(sentence)
        self.said.set()


@pytest.fixture
async def call() -> Any:
    opened = asyncio.get_running_loop().create_future()
    letta = SimpleNamespace(excuse=lambda error: f"I cannot: {error}")
    return SimpleNamespace(opened=opened, letta=letta, voice=Voice())


async def test_the_greeting(call: Any) -> None:
    call.opened.set_result(None)
    greet(call, GREETING)
    await asyncio.sleep(0)
    assert call.voice.spoken == [GREETING]


async def test_a_failure_that_is_known_already_takes_the_place_of_the_greeting(call: Any) -> None:
    call.opened.set_exception(RuntimeError("no agent"))
    greet(call, GREETING)
    async with asyncio.timeout(1):
        await call.voice.said.wait()
    assert call.voice.spoken == ["no greeting", "I cannot: no agent"]


async def test_a_failure_that_comes_later_is_said_when_it_comes(call: Any) -> None:
    greet(call, GREETING)
    assert call.voice.spoken == [GREETING]
    call.opened.set_exception(RuntimeError("too slow"))
    async with asyncio.timeout(1):
        await call.voice.said.wait()
    assert call.voice.spoken == [GREETING, "I cannot: too slow"]
