"""`POST /api/test-livekit-connection`: from the key to sound that arrives, step by step.

What needs the native WebRTC library runs in a process of its own (`connection_probe.py`): it is
slow to load, large, and would block the loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import aiohttp
from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from proxy.endpoint import Answer, Endpoint, answered, read_json
from proxy.errors import ApiError
from proxy.outside import FAILURES, in_words
from proxy.page import CHECKOUT
from proxy.probe_rooms import ROOM_PREFIX
from proxy.settings import ProxySettings
from proxy.sfu import Sfu
from proxy.tokens import caller_token

log = logging.getLogger("proxy.connection_test")

SECRET_MIN = 32
SERVER_TIMEOUT_S = 3.0
PROBE_TIMEOUT_S = 25.0
"""For loading the library, joining twice, hearing and leaving."""


class Step(BaseModel):
    """One step: whether it worked, how long it took in milliseconds, and what it showed."""

    name: str
    ok: bool
    ms: float
    detail: str


class ConnectionTestRequest(BaseModel):
    """Nothing needs to be said: the proxy's own settings are tested."""


class ConnectionTestAnswer(Answer):
    """All steps up to the first that failed; `success` when all worked."""

    error: str | None = Field(description="CONNECTION_TEST_FAILED unless all worked.")
    message: str
    room: str
    steps: list[Step]


class StepFailed(Exception):
    """A step did not work; the text says why."""


class ConnectionTest:
    """Handler of the route; one test at a time."""

    def __init__(self, settings: ProxySettings, sfu: Sfu, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._sfu = sfu
        self._session = session
        self._lock = asyncio.Lock()
        self.endpoints = [
            Endpoint(
                "POST",
                "/api/test-livekit-connection",
                self.run,
                "Key, server, room service, token, and a real join with sound; each with its time.",
                ConnectionTestAnswer,
                body=ConnectionTestRequest,
                failures={409: "A test is running (TEST_RUNNING)."},
            )
        ]

    async def run(self, request: web.Request) -> web.Response:
        await read_json(request, ConnectionTestRequest)
        if self._lock.locked():
            raise ApiError(
                409,
                "TEST_RUNNING",
                "A connection test is running already; ask again when it is done.",
                headers={"Retry-After": "5"},
            )
        async with self._lock:
            return answered(await self._test())

    async def _test(self) -> ConnectionTestAnswer:
        room = f"{ROOM_PREFIX}{secrets.token_hex(4)}"
        steps: list[Step] = []
        try:
            await _step(steps, "credentials", self._credentials)
            await _step(steps, "server", self._server)
            await _step(steps, "room_service", self._room_service)
            tokens: list[str] = []
            await _step(steps, "token", lambda: self._tokens(room, tokens))
            try:
                async with aclosing(self._probe(*tokens)) as probe:
                    async for step in probe:
                        steps.append(step)
                        if not step.ok:
                            raise StepFailed
            finally:
                await _step(steps, "delete_room", lambda: self._delete(room))
        except StepFailed:
            failed = next(step for step in steps if not step.ok)
            message = f"Step {failed.name!r} failed: {failed.detail}"
        else:
            message = "Everything works: sound sent by one participant arrived at another."
        success = all(step.ok for step in steps)
        log.info("Connection test: %s", message)
        return ConnectionTestAnswer(
            success=success,
            error=None if success else "CONNECTION_TEST_FAILED",
            message=message,
            room=room,
            steps=steps,
        )

    async def _credentials(self) -> str:
        if self._settings.livekit_credentials is None:
            raise StepFailed("LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set.")
        _, secret = self._settings.livekit_credentials
        if len(secret) < SECRET_MIN:
            raise StepFailed(
                f"LIVEKIT_API_SECRET has {len(secret)} characters; livekit-server wants "
                f"{SECRET_MIN} or more."
            )
        return "Key and secret are set."

    async def _server(self) -> str:
        url = self._settings.livekit_http_url
        try:
            async with self._session.get(
                url, timeout=aiohttp.ClientTimeout(total=SERVER_TIMEOUT_S)
            ) as response:
                return f"{url} answers ({response.status})."
        except FAILURES as error:
            raise StepFailed(f"No answer from {url}: {in_words(error)}.") from None

    async def _room_service(self) -> str:
        await self._sfu.room("connection-test")
        return "The server accepts key and secret."

    async def _tokens(self, room: str, tokens: list[str]) -> str:
        for identity in ("probe-speaker", "probe-listener"):
            tokens.append(caller_token(self._settings, room, identity))
        return f"Two tokens for room {room}."

    async def _delete(self, room: str) -> str:
        await self._sfu.delete_room(room)
        return f"Room {room} is gone."

    async def _probe(self, speaker: str, listener: str) -> AsyncGenerator[Step, None]:
        """The steps of the probe, as it reports them."""
        order = {"url": self._settings.livekit_url, "speaker": speaker, "listener": listener}
        started = time.monotonic()
        async with _probe_process() as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(order).encode())
            process.stdin.close()
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    async for line in process.stdout:
                        yield Step.model_validate_json(line)
                    if await process.wait() == 0:
                        return
                    reason = "The probe ended without a report"
            except TimeoutError:
                reason = f"The probe was not done within {PROBE_TIMEOUT_S:g} s"
            except ValidationError as error:
                reason = f"The probe reported something unreadable ({error.error_count()} errors)"
            ms = round((time.monotonic() - started) * 1000, 1)
            yield Step(name="probe", ok=False, ms=ms, detail=f"{reason}; the log has more.")


@asynccontextmanager
async def _probe_process() -> AsyncIterator[asyncio.subprocess.Process]:
    """The probe, which does not outlive this block. It gets tokens, not the secret."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy.connection_probe",
        cwd=CHECKOUT,
        env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _step(steps: list[Step], name: str, work: Callable[[], Awaitable[str]]) -> None:
    """Do one step and note its outcome; `StepFailed` when it did not work."""
    started = time.monotonic()

    def note(ok: bool, detail: str) -> None:
        ms = round((time.monotonic() - started) * 1000, 1)
        steps.append(Step(name=name, ok=ok, ms=ms, detail=detail))

    try:
        detail = await work()
    except (StepFailed, ApiError) as error:
        note(False, str(error))
        raise StepFailed from None
    note(True, detail)
