"""The beginning of a call: the greeting, or what is wrong; which steps are tried again."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.rtc import ConnectError

from agent.events import Events
from agent.job.job import greet, is_transient, retry
from common.retry import RetryPolicy

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


TRIES = 3
POLICY = RetryPolicy(tries=TRIES, first_wait_s=0.0)


class Kept:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        self.events.append(event)

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
        await retry(flaky.work, "connect", POLICY, events)
    finally:
        await events.aclose()
    return [event["data"] for event in kept.events]


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
        retries = await attempt(flaky)
    assert [(data["attempt"], data["of"], data["error"]) for data in retries] == [
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
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [str(error) for error in errors] == ["reset", "no answer"]


async def test_the_last_failure_is_told_and_raised(caplog: pytest.LogCaptureFixture) -> None:
    flaky = Flaky(*(ConnectionError(f"number {n}") for n in range(1, 9)))
    with caplog.at_level(logging.INFO, "agent.job"), pytest.raises(ConnectionError, match="3"):
        await attempt(flaky)
    assert flaky.calls == TRIES
    assert caplog.messages[-1] == "connect: try 3 of 3 failed; it was the last"


REFUSALS = (
    "engine: signal failure: client error: 401 Unauthorized - invalid token",
    "engine: signal failure: client error: 403 Forbidden - ",
    "engine: signal failure: client error: 404 Not Found - requested room does not exist",
)


@pytest.mark.parametrize("message", REFUSALS)
async def test_a_try_that_cannot_succeed_is_not_repeated(
    message: str, caplog: pytest.LogCaptureFixture
) -> None:
    flaky = Flaky(ConnectError(message))
    with caplog.at_level(logging.INFO, "agent.job"), pytest.raises(ConnectError):
        await attempt(flaky)
    assert flaky.calls == 1
    assert caplog.messages[-1] == "connect: try 1 of 3 failed; another cannot help"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("cannot reach ws://sfu-404.example:7880: timed out"),
        ConnectionError("failed to lookup address: host not found"),
        ConnectionError("connection refused"),
        RuntimeError("HTTP 404"),
        *map(
            ConnectError,
            (
                "engine: signal failure: transport timed out",
                "engine: signal failure: transport connection error: IO error: failed to lookup "
                "address information: host not found",
                "engine: signal failure: transport connection error: IO error: Connection refused "
                "(os error 401)",
                "engine: signal failure: transport connection error: ws://sfu-404.example:4030",
                "engine: signal failure: client error: 429 Too Many Requests - 404 of your calls",
                "engine: signal failure: server error: 503 Service Unavailable - room not found",
                "engine: signal failure: failed to parse the url: client error: 404 ",
            ),
        ),
    ],
)
def test_a_number_elsewhere_or_a_failed_look_up_does_not_end_the_tries(error: Exception) -> None:
    assert is_transient(error)


def test_what_ends_the_job_is_not_tried_again() -> None:
    assert not is_transient(KeyboardInterrupt())
