"""Limits the requests of one call to one provider: how many are in flight, and when one may go.

A call is one process, so this bounds what a single call can pile up when a provider is slow. What
a provider asks for by `Retry-After` is done here and nowhere else: livekit-agents and its openai
plugin never read that header, and letta_client would sleep up to a minute, so an answer that leaves
here with one tells the clients not to try again (`x-should-retry`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import httpx2
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
)

from agent.settings import AgentSettings
from agent.speech.reports import Reports
from common.failures import MAY_SET_RETRY_AFTER, Busy, NotYet, retry_after_of
from common.retry import ASK_PROVIDER

logger = logging.getLogger("agent.limiter")

LEAST_WAIT = 0.2  # seconds; also after a Retry-After of 0

Send = Callable[..., Awaitable[Any]]  # of a client


class ProviderLimiter:
    """At most PROVIDER_CONCURRENCY requests are in flight, and as many wait, for PROVIDER_PATIENCE
    seconds at most. `stage`: of its events; `provider`: its name in sentences."""

    def __init__(
        self, stage: str, provider: str, settings: AgentSettings, reports: Reports
    ) -> None:
        self._stage = stage
        self._provider = provider
        self._most = settings.provider_concurrency
        self._patience = settings.provider_patience
        self._reports = reports
        self._places = asyncio.Semaphore(self._most)
        self._waiting = 0
        self._again_at = 0.0  # monotonic; no request before, as the provider wants

    async def send(self, body: type[LimitedBody], send: Send, request: Any, **options: Any) -> Any:
        """Send the request by the client's `send`; its place is free when the response is closed.

        Raises Busy when there is no place, NotYet when the pause that the provider wants is too
        long.
        """
        await self._take_place()
        try:
            response = await self._answer(send, request, options)
        except BaseException:
            self._places.release()
            raise
        if response.is_closed:
            self._places.release()
        else:
            response.stream = body(response.stream, self._places.release)
        return response

    async def _take_place(self) -> None:
        if self._places.locked() and self._waiting >= self._most:
            raise Busy(
                f"{self._most} requests to {self._provider} are in flight and {self._waiting} wait "
                "already (PROVIDER_CONCURRENCY)"
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            raise Busy(
                f"{self._most} requests to {self._provider} are in flight, and none of them ended "
                f"within {self._patience:g} s (PROVIDER_CONCURRENCY, PROVIDER_PATIENCE)"
            ) from None
        finally:
            self._waiting -= 1

    async def _answer(self, send: Send, request: Any, options: dict[str, Any]) -> Any:
        pause = self._again_at - time.monotonic()
        if pause > self._patience:
            raise NotYet(
                f"{self._provider} wants to be asked again in {pause:.0f} s (Retry-After)", pause
            )
        await asyncio.sleep(max(pause, 0.0))
        response: Any = await AsyncRetrying(
            retry=retry_if_result(lambda response: _wait(response) is not None),
            wait=lambda state: _wait(_response(state)) or 0.0,
            stop=stop_after_attempt(ASK_PROVIDER.tries or 1) | stop_before_delay(self._patience),
            before_sleep=self._before_sleep,
            retry_error_callback=_response,
        )(send, request, **options)
        if (wait := _wait(response)) is not None:
            self._again_at = time.monotonic() + wait
            response.headers["x-should-retry"] = "false"
        return response

    async def _before_sleep(self, state: RetryCallState) -> None:
        response = _response(state)
        await response.aclose()
        wait = round(state.upcoming_sleep, 1)
        message = (
            f"{self._provider} answered {response.status_code} and is asked again in {wait:g} s"
        )
        logger.warning(message)
        self._reports.emit(
            self._stage,
            "retry",
            attempt=state.attempt_number,
            of=ASK_PROVIDER.tries,
            message=message,
            retry_after=wait,
        )


def _response(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None


def _wait(response: Any) -> float | None:
    """The pause that the provider wants, in seconds; None when it answered."""
    if response.status_code not in MAY_SET_RETRY_AFTER:
        return None
    wait = retry_after_of(response.headers)
    return None if wait is None else max(wait, LEAST_WAIT)


class LimitedBody:
    """The body of a response; its end frees the place of its request."""

    def __init__(self, stream: Any, free: Callable[[], None]) -> None:
        self._stream = stream
        self._free: Callable[[], None] | None = free

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._free is not None:
                self._free()
            self._free = None


class LimitedHttpxBody(LimitedBody, httpx.AsyncByteStream):
    """For letta_client."""


class LimitedHttpx2Body(LimitedBody, httpx2.AsyncByteStream):
    """For openai."""
