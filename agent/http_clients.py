"""The HTTP clients of a call: for Letta (httpx), and for speech (httpx2, which openai uses).

Both go through the limiter of their provider. They share one TLS context, since reading the
certificates takes 30 ms of CPU each time: agent/job/preload.py builds it, so that job processes
inherit it. A private function of LiveKit makes it, so that our clients trust what LiveKit's do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import openai
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError
from livekit.agents.utils.http_context import _create_ssl_context

from agent.provider_limiter import LimitedHttpx2Body, LimitedHttpxBody, ProviderLimiter
from agent.speech.answers import Answer
from common.failures import OddAnswer

CONNECT_TIMEOUT = 5.0
LETTA_TIMEOUT = httpx.Timeout(30.0, connect=CONNECT_TIMEOUT)
SPEECH_TIMEOUT = httpx2.Timeout(10.0, connect=CONNECT_TIMEOUT)
SPEECH_SILENCE = 6.0  # seconds without a byte of a text or of a voice
KEEP_ALIVE = 120.0  # seconds a connection stays open between two requests
UNLIMITED = "/cancel"  # what ends a request must not wait behind it
MOST_OF_AN_ERROR = 16 * 1024  # bytes of a refusal; the libraries would read all of it
BODY_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
NO_KEY = "none-needed"  # clients insist on a key; servers of one's own rarely do

CONTEXT = _create_ssl_context()


class LettaHttp(httpx.AsyncClient):
    """A client whose requests go through a limiter. A subclass, since a transport would lose the
    proxies that the environment names."""

    def __init__(self, limiter: ProviderLimiter, **options: Any) -> None:
        super().__init__(**options)
        self._limiter = limiter

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if request.url.path.endswith(UNLIMITED):
            return await super().send(request, **options)
        response: httpx.Response = await self._limiter.send(
            LimitedHttpxBody, super().send, request, **options
        )
        return response


class SpeechHttp(httpx2.AsyncClient):
    """The same for the library that openai uses.

    `silence`: seconds without a byte after which an answer counts as broken off; livekit-agents'
    plugin would wait 30 in the middle of a sentence.
    """

    def __init__(self, limiter: ProviderLimiter, silence: float, **options: Any) -> None:
        super().__init__(**options)
        self._limiter = limiter
        self._silence = silence

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        timeouts = request.extensions.get("timeout", {})
        silence = min(timeouts.get("read") or self._silence, self._silence)
        request.extensions["timeout"] = {**timeouts, "read": silence}
        response: httpx2.Response = await self._limiter.send(
            LimitedHttpx2Body, super().send, request, **options
        )
        if response.is_success or response.is_stream_consumed:
            return response
        return await _refusal(response, request, silence)


async def _refusal(
    response: httpx2.Response, request: httpx2.Request, patience: float
) -> httpx2.Response:
    """The same answer with as much of its body as came in time and is worth reading."""
    body = bytearray()
    try:
        async with asyncio.timeout(patience):
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MOST_OF_AN_ERROR:
                    break
    except (httpx2.HTTPError, TimeoutError):
        pass  # the status says enough
    finally:
        await response.aclose()
    headers = [pair for pair in response.headers.multi_items() if pair[0] not in BODY_HEADERS]
    return httpx2.Response(
        response.status_code, headers=headers, content=bytes(body), request=request
    )


@contextmanager
def provider_errors(endpoint: str) -> Iterator[None]:
    """What goes wrong with a request of openai's client becomes an APIError, as LiveKit knows it.

    Its words name the endpoint and quote the answer.
    """
    try:
        yield
    except APIError:
        raise
    except OddAnswer as error:
        raise APIError(str(error)) from error
    except openai.APIStatusError as error:
        refused = Answer(endpoint, error.status_code).refused(error.response.content)
        raise APIStatusError(str(refused), status_code=error.status_code) from refused
    except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError) as error:
        raise APITimeoutError(f"{endpoint} did not answer in time") from error
    except Exception as error:  # of the client, of the connection, or of an answer's encoding
        raise APIConnectionError(f"{endpoint} failed") from error


def http_client(limiter: ProviderLimiter) -> httpx.AsyncClient:
    return LettaHttp(
        limiter,
        verify=CONTEXT,
        timeout=LETTA_TIMEOUT,
        follow_redirects=True,
        limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE),
    )


def openai_client(base_url: str, key: str | None, limiter: ProviderLimiter) -> openai.AsyncClient:
    return openai.AsyncClient(
        base_url=base_url,
        api_key=key or NO_KEY,
        max_retries=0,  # the session retries
        http_client=SpeechHttp(
            limiter,
            SPEECH_SILENCE,
            verify=CONTEXT,
            timeout=SPEECH_TIMEOUT,
            follow_redirects=True,
            limits=httpx2.Limits(keepalive_expiry=KEEP_ALIVE),
        ),
    )
