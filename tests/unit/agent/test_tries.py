"""What is done several times: how often, and what is told of each try."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from agent.events import Events
from agent.tries import room_may_open, tried

TRIES = 3


class Kept:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        self.told.append(event)

    async def aclose(self) -> None:
        """Nothing is held."""


class Flaky:
    """Fails with these errors, one a try, then succeeds."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def work(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


async def attempt(flaky: Flaky) -> list[dict[str, Any]]:
    kept = Kept()
    events = Events("room", "AJ_1")
    events.sinks.append(kept)
    try:
        await tried(flaky.work, "connect", TRIES, 0.0, events, room_may_open)
    finally:
        await events.aclose()
    return [each["data"] for each in kept.told]


async def test_what_works_at_once_is_done_once(caplog: pytest.LogCaptureFixture) -> None:
    flaky = Flaky()
    with caplog.at_level(logging.INFO, "agent.job"):
        assert await attempt(flaky) == []
    assert flaky.calls == 1
    assert caplog.messages == ["connect: try 1 of 3"]


async def test_each_try_is_told_with_its_number_and_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flaky = Flaky(ConnectionError("reset"), TimeoutError("no answer"))
    with caplog.at_level(logging.INFO, "agent.job"):
        told = await attempt(flaky)
    assert [(each["attempt"], each["of"], each["error"]) for each in told] == [
        (1, TRIES, "reset"),
        (2, TRIES, "no answer"),
    ]
    assert caplog.messages == [
        "connect: try 1 of 3",
        "connect: try 1 of 3 failed; the next follows in 0 s",
        "connect: try 2 of 3",
        "connect: try 2 of 3 failed; the next follows in 0 s",
        "connect: try 3 of 3",
    ]
    tracebacks = [each.exc_info[1] for each in caplog.records if each.exc_info]
    assert [str(each) for each in tracebacks] == ["reset", "no answer"]


async def test_the_last_failure_is_told_and_raised(caplog: pytest.LogCaptureFixture) -> None:
    flaky = Flaky(*(ConnectionError(f"number {n}") for n in range(1, 9)))
    with caplog.at_level(logging.INFO, "agent.job"), pytest.raises(ConnectionError, match="3"):
        await attempt(flaky)
    assert flaky.calls == TRIES
    assert caplog.messages[-1] == "connect: try 3 of 3 failed; it was the last"


@pytest.mark.parametrize(
    "said", ["401 Unauthorized", "room not found", "signal failure: 403", "HTTP 404"]
)
async def test_a_try_that_cannot_succeed_is_not_repeated(
    said: str, caplog: pytest.LogCaptureFixture
) -> None:
    flaky = Flaky(RuntimeError(said))
    with caplog.at_level(logging.INFO, "agent.job"), pytest.raises(RuntimeError, match=said):
        await attempt(flaky)
    assert flaky.calls == 1
    assert caplog.messages[-1] == "connect: try 1 of 3 failed; another cannot help"
