"""Each way a provider can fail has one word, whichever library tells of it; Letta's own failures
and those of its model are told apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import httpx
import letta_client
import openai
import pytest
from aiohttp import web
from livekit.agents import APIConnectionError, APIError, APIStatusError

from agent import http_clients
from agent.provider_limiter import ProviderLimiter
from agent.settings import AgentSettings
from agent.speech.reports import Reports
from common.failures import Failure, failure
from common.letta.errors import model_error
from common.letta.v1 import explain


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Answers `/401` with 401, hangs at `/hang`, and cuts the connection at `/cut`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        what = request.path.split("/")[1]
        if what == "hang":
            await asyncio.sleep(30)
        if what == "cut":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=int(what) if what.isdecimal() else 200)

    app = web.Application()
    app.router.add_route("*", "/{what:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def refusing() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def limiter() -> ProviderLimiter:
    return ProviderLimiter("think", "a provider", AgentSettings(), Reports())


async def by_openai(url: str) -> BaseException:
    """As a plugin of livekit-agents does it."""
    client = http_clients.openai_client(url, None, limiter())
    try:
        await client.audio.speech.create(input="a", model="m", voice="v", timeout=0.3)
    except openai.APITimeoutError as error:
        return error
    except openai.APIStatusError as error:
        return APIStatusError(error.message, status_code=error.status_code)
    except Exception as error:
        try:
            raise APIConnectionError from error
        except APIConnectionError as wrapped:
            return wrapped
    finally:
        await client.close()
    raise AssertionError("it did not fail")


async def by_letta(url: str) -> BaseException:
    async with letta_client.AsyncLetta(
        base_url=url,
        api_key="k",
        max_retries=0,
        timeout=0.3,
        http_client=http_clients.http_client(limiter()),
    ) as client:
        try:
            await client.agents.retrieve("agent-1")
        except Exception as error:
            return error
    raise AssertionError("it did not fail")


async def by_aiohttp(url: str) -> BaseException:
    timeout = aiohttp.ClientTimeout(total=0.3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.ws_connect(url):
                raise AssertionError("it did not fail")
        except Exception as error:
            return error


@pytest.mark.parametrize("library", [by_openai, by_letta, by_aiohttp])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("401", Failure("rejected", 401)),
        ("403", Failure("rejected", 403)),
        ("404", Failure("gone", 404)),
        ("429", Failure("rate-limited", 429)),
        ("500", Failure("status", 500)),
        ("hang", Failure("timeout")),
        ("cut", Failure("reset")),
        ("refused", Failure("refused")),
        ("dns", Failure("dns")),
    ],
)
async def test_what_libraries_raise(server: str, library, path: str, expected: Failure) -> None:  # type: ignore[no-untyped-def]
    urls = {"refused": refusing(), "dns": "http://no-such-host.invalid"}
    assert failure(await library(urls.get(path, f"{server}/{path}"))) == expected


def test_a_voice_without_sound_and_what_nobody_foresaw() -> None:
    assert failure(APIError("no audio frames were pushed for text: hi")).kind == "empty"
    assert failure(RuntimeError("what?")) == Failure("other")


# What Letta 0.16.8 sent in its stream while its model's server failed in each way.
REFUSED = "INTERNAL_SERVER_ERROR: Failed to connect to OpenAI: Connection error."
BROKEN = "INTERNAL_SERVER_ERROR: OpenAI API error: Error code: 500 - {'error': {'message': 'x'}}"
GONE = "NOT_FOUND: Resource not found in OpenAI: Error code: 404 - {'error': {}}"
FORBIDDEN = "PERMISSION_DENIED: Permission denied by OpenAI: Error code: 403 - {'error': {}}"
KEY = "UNAUTHENTICATED: Authentication failed with OpenAI: Error code: 401 - {'error': {}}"
RATE = "RATE_LIMIT_EXCEEDED: Rate limited by OpenAI: Error code: 429 - {'error': {}}"


@pytest.mark.parametrize(
    ("error_type", "detail", "code", "expected"),
    [
        ("llm_error", REFUSED, "model_unreachable", Failure("refused")),
        ("llm_error", BROKEN, "model_unreachable", Failure("status", 500)),
        ("llm_error", GONE, "model_unreachable", Failure("status", 404)),
        ("llm_error", FORBIDDEN, "llm_authentication", Failure("rejected", 403)),
        ("llm_authentication", KEY, "llm_authentication", Failure("rejected", 401)),
        ("llm_rate_limit", RATE, "llm_rate_limit", Failure("rate-limited", 429)),
        ("llm_timeout", "TIMEOUT: Request to OpenAI timed out", "llm_timeout", Failure("timeout")),
        ("llm_error", "something new", "model_unreachable", Failure("other")),
    ],
)
def test_a_failure_of_the_model_behind_letta(
    error_type: str, detail: str, code: str, expected: Failure
) -> None:
    request = httpx.Request("POST", "http://localhost:8283/v1/conversations/c/messages")
    body = {"error_type": error_type, "detail": detail, "message": "An error occurred"}
    told = letta_client.APIStatusError(
        "in the stream", response=httpx.Response(200, request=request), body=body
    )
    letta_error = explain(told, "http://localhost:8283")
    assert (letta_error.code, letta_error.failure, letta_error.provider) == (
        code,
        expected,
        "model",
    )
    assert detail[:20] in letta_error.message
    assert letta_error.message == model_error(error_type, detail).message


async def test_a_failure_of_letta_itself(server: str) -> None:
    for path, code, expected in (
        ("401", "letta_unauthorized", Failure("rejected", 401)),
        ("404", "agent_not_found", Failure("gone", 404)),
        ("500", "letta_error", Failure("status", 500)),
        ("hang", "letta_timeout", Failure("timeout")),
    ):
        letta_error = explain(await by_letta(f"{server}/{path}"), server)
        assert (letta_error.code, letta_error.failure, letta_error.provider) == (
            code,
            expected,
            "letta",
        )
    letta_error = explain(await by_letta(refusing()), server)
    assert (letta_error.code, letta_error.failure) == ("letta_unreachable", Failure("refused"))
