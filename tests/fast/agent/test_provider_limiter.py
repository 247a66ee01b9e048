"""A provider is asked by so many requests at once, and no earlier than it wants to be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import letta_client
import openai
import pytest
from aiohttp import web

from agent import http_clients
from agent.letta import excuses
from agent.provider_limiter import ProviderLimiter
from agent.settings import AgentSettings
from agent.speech.reports import Reports
from common.failures import Busy, NotYet, failure, retry_after_of, words
from common.letta.v1 import explain
from tests.fast.agent.kept_events import collected, heard_reports

PATIENCE = 1.0


@dataclass
class Provider:
    """A server that answers when it may, as it is told to."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses and headers of the next answers; 200 when there are no more."""
    asked: int = 0
    url: str = ""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.may_answer.wait()
        if self.answers:
            status, headers = self.answers.pop(0)
            return web.json_response({"detail": "on purpose"}, status=status, headers=headers)
        if request.path == "/stream":
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begun")
            await asyncio.sleep(30)
        return web.json_response([])


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    made.may_answer.set()
    app = web.Application()
    app.router.add_route("*", "/{what:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.may_answer.set()
    await runner.cleanup()


def limiter(
    concurrency: int = 2, patience: float = PATIENCE, reports: Reports | None = None
) -> ProviderLimiter:
    settings = AgentSettings(provider_concurrency=concurrency, provider_patience=patience)
    return ProviderLimiter("think", "Letta", settings, reports or Reports())


async def asked(provider: Provider, count: int) -> None:
    async with asyncio.timeout(2):
        while provider.asked < count:  # noqa: ASYNC110 - counted by a server
            await asyncio.sleep(0.01)


async def test_so_many_are_in_flight_as_many_wait_and_more_are_refused(provider: Provider) -> None:
    provider.may_answer.clear()
    async with http_clients.http_client(limiter()) as client:
        four = [asyncio.create_task(client.get(provider.url)) for _ in range(4)]
        await asked(provider, 2)
        with pytest.raises(Busy, match=r"2 requests to Letta .* 2 wait already"):
            await client.get(provider.url)
        assert provider.asked == 2
        cancel = asyncio.create_task(client.post(f"{provider.url}/v1/conversations/c/cancel"))
        await asked(provider, 3)  # what ends a request does not wait behind it
        provider.may_answer.set()
        assert {one.status_code for one in await asyncio.gather(*four, cancel)} == {200}
        assert provider.asked == 5


async def test_nobody_waits_for_a_place_for_ever(provider: Provider) -> None:
    provider.may_answer.clear()
    async with http_clients.http_client(limiter(1, patience=0.1)) as client:
        first = asyncio.create_task(client.get(provider.url))
        await asked(provider, 1)
        with pytest.raises(Busy, match=r"none of them ended within 0.1 s"):
            await client.get(provider.url)
        provider.may_answer.set()
        await first
        assert (await client.get(provider.url)).status_code == 200


async def test_a_stream_holds_its_place_until_it_is_closed(provider: Provider) -> None:
    async with http_clients.http_client(limiter(1, patience=0.1)) as client:

        async def read() -> None:
            async with client.stream("GET", f"{provider.url}/stream") as response:
                async for _ in response.aiter_bytes():
                    began.set()

        began = asyncio.Event()
        reading = asyncio.create_task(read())
        await asyncio.wait_for(began.wait(), 2)
        with pytest.raises(Busy):
            await client.get(provider.url)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert (await client.get(provider.url)).status_code == 200


async def test_a_short_retry_after_is_waited_for_and_told(provider: Provider) -> None:
    events, told = collected()
    reports, _ = heard_reports(events)
    provider.answers = [(429, {"Retry-After": "0.3"})]
    began = time.monotonic()
    async with http_clients.http_client(limiter(reports=reports)) as client:
        assert (await client.get(provider.url)).status_code == 200
    assert time.monotonic() - began >= 0.3
    assert provider.asked == 2
    (retry,) = told
    assert (retry["stage"], retry["name"]) == ("think", "retry")
    assert retry["data"]["retry_after"] == 0.3 and "429" in retry["data"]["message"]


async def by_letta(url: str, way: ProviderLimiter) -> BaseException:
    """As the agent does it: the client itself would try once more."""
    async with letta_client.AsyncLetta(
        base_url=url, api_key="k", max_retries=1, http_client=http_clients.http_client(way)
    ) as client:
        try:
            await client.get("/v1/agents/", cast_to=object)
        except letta_client.APIError as error:
            return error
    raise AssertionError("it did not fail")


async def by_openai(url: str, way: ProviderLimiter) -> BaseException:
    async with http_clients.openai_client(url, None, way) as client:
        try:
            await client.audio.speech.create(input="a", model="m", voice="v")
        except (openai.APIError, NotYet) as error:  # which a plugin wraps as a lost connection
            return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("library", [by_letta, by_openai])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_long_retry_after_is_said_at_once_and_kept(
    provider: Provider, library: Any, status: int
) -> None:
    provider.answers = [(status, {"Retry-After": "40"})]
    way, began = limiter(), time.monotonic()
    error = await library(provider.url, way)
    assert time.monotonic() - began < PATIENCE
    found = failure(error)
    assert (found.status, found.retry_after) == (status, 40.0)
    assert found.data["retry_after"] == 40.0
    again = await library(provider.url, way)
    assert provider.asked == 1, "it was asked although it wanted to be left alone"
    assert failure(again).kind == "rate-limited"
    assert failure(again).retry_after == pytest.approx(40, abs=2)
    assert "wants to be asked again in" in words(again)


async def test_a_busy_line_has_a_kind_of_its_own(provider: Provider) -> None:
    provider.may_answer.clear()
    way = limiter(1, patience=0.05)
    async with http_clients.http_client(way) as client:
        first = asyncio.create_task(client.get(provider.url))
        await asked(provider, 1)
        error = await by_letta(provider.url, way)
        provider.may_answer.set()
        await first
    assert failure(error).kind == "busy"
    letta_error = explain(error, provider.url)
    assert (letta_error.code, letta_error.failure.kind) == ("letta_queue_full", "busy")
    assert "1 requests to Letta are in flight" in letta_error.message


@pytest.mark.parametrize(("seconds", "spoken"), [(30, "in 30 seconds"), (200, "in 4 minutes")])
def test_the_caller_hears_how_long_it_takes(seconds: float, spoken: str) -> None:
    letta_error = explain(NotYet("not yet", seconds), "http://letta")
    assert letta_error.code == "letta_overloaded" and spoken in excuses.excuse(letta_error)
    assert letta_error.failure.data == {
        "kind": "rate-limited",
        "status": 429,
        "retry_after": seconds,
    }


def test_a_retry_after_is_seconds_or_a_date() -> None:
    def patience(value: str) -> float | None:
        return retry_after_of(httpx.Headers({"Retry-After": value}))

    assert patience("7") == 7
    assert patience("-3") == 0
    soon = datetime.now(UTC) + timedelta(seconds=20)
    assert patience(format_datetime(soon, usegmt=True)) == pytest.approx(20, abs=2)
    assert patience("soon") is None and patience("nan") is None
    assert retry_after_of({}) is None
