"""`POST /api/test-livekit-connection`: from the key to sound that arrives, probe by probe.

What needs the native WebRTC library runs in a process of its own (`sound.py`): it is slow to load,
large, and would block the loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from common.probe import (
    ROOM_PREFIX,
    Finding,
    Probe,
    ProbeAnswer,
    ProbeFailed,
    flat,
    milliseconds_since,
    run,
)
from proxy.api.endpoint import Answer, Endpoint, answered, read_json
from proxy.api.errors import ApiError
from proxy.api.tokens import caller_token
from proxy.clients.outside import FAILURES, in_words
from proxy.clients.sfu import Sfu
from proxy.settings import CHECKOUT, ProxySettings

log = logging.getLogger("proxy.connection_test")

SECRET_MIN = 32
SERVER_TIMEOUT_S = 3.0
PROBE_TIMEOUT_S = 25.0
"""For loading the library, joining twice, hearing and leaving."""
PAIR = (
    "put the pair that this LiveKit server knows into .env as LIVEKIT_API_KEY, LIVEKIT_API_SECRET"
)
PORTS = "open LIVEKIT_UDP_PORT or LIVEKIT_TCP_PORT in the firewall, or use a TURN server"
START = "./restart_voice_system.sh livekit, or correct LIVEKIT_URL"


class ConnectionStep(BaseModel):
    """One step: whether it worked, how long it took in milliseconds, and what it showed."""

    name: str
    ok: bool
    ms: float
    detail: str
    next: str = Field(default="", description="What to do when it did not work.")

    @classmethod
    def of(cls, finding: Finding) -> ConnectionStep:
        return cls(
            name=finding.what,
            ok=finding.state == "ok",
            ms=finding.ms or 0.0,
            detail=finding.detail,
            next=finding.next,
        )


class ConnectionTestRequest(BaseModel):
    """Nothing needs to be said: the proxy's own settings are tested."""


class ConnectionTestAnswer(Answer):
    """All steps up to the first that failed; `success` when all worked."""

    error: str | None = Field(description="CONNECTION_TEST_FAILED unless all worked.")
    message: str
    room: str
    steps: list[ConnectionStep]


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
                self.answer,
                "Key, server, room service, token, and a real join with sound; each with its time.",
                ConnectionTestAnswer,
                body=ConnectionTestRequest,
                failures={409: "A test is running (TEST_RUNNING)."},
            )
        ]

    async def answer(self, request: web.Request) -> web.Response:
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
        tokens: list[str] = []
        probes: list[Probe[ProbeAnswer]] = [
            Probe("credentials", self._credentials, next=PAIR),
            Probe("server", self._server, needs=("credentials",), next=START),
            Probe("room_service", self._room_service, needs=("server",), next=PAIR),
            Probe("token", partial(self._tokens, room, tokens), needs=("room_service",)),
            Probe(
                "sound",
                partial(self._sound, tokens),
                needs=("token",),
                limit=PROBE_TIMEOUT_S + SERVER_TIMEOUT_S,
            ),
        ]
        groups: list[list[Finding]] = []
        try:
            groups += await run(probes)
        finally:
            if tokens:
                groups += await run([Probe("delete_room", partial(self._delete, room))])
        findings = [finding for finding in flat(groups) if finding.state != "skip"]
        failed = next((finding for finding in findings if finding.state != "ok"), None)
        message = "Everything works: sound sent by one participant arrived at another."
        if failed is not None:
            message = f"ConnectionStep {failed.what!r} failed: {failed.detail}"
        log.info("Connection test: %s", message)
        return ConnectionTestAnswer(
            success=failed is None,
            error=None if failed is None else "CONNECTION_TEST_FAILED",
            message=message,
            room=room,
            steps=[ConnectionStep.of(finding) for finding in findings],
        )

    async def _credentials(self) -> str:
        if self._settings.livekit_credentials is None:
            raise ProbeFailed("LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set.")
        _, secret = self._settings.livekit_credentials
        if len(secret) < SECRET_MIN:
            raise ProbeFailed(
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
            raise ProbeFailed(f"No answer from {url}: {in_words(error)}.") from None

    async def _room_service(self) -> str:
        try:
            await self._sfu.room("connection-test")
        except ApiError as error:
            raise ProbeFailed(str(error)) from None
        return "The server accepts key and secret."

    async def _tokens(self, room: str, tokens: list[str]) -> str:
        for identity in ("probe-speaker", "probe-listener"):
            tokens.append(caller_token(self._settings, room, identity))
        return f"Two tokens for room {room}."

    async def _delete(self, room: str) -> str:
        try:
            await self._sfu.delete_room(room)
        except ApiError as error:
            raise ProbeFailed(str(error)) from None
        return f"Room {room} is gone."

    async def _sound(self, tokens: list[str]) -> list[Finding]:
        """What the process reports, up to the first step that did not work."""
        speaker, listener = tokens
        order = {"url": self._settings.livekit_url, "speaker": speaker, "listener": listener}
        findings: list[Finding] = []
        began = time.monotonic()
        async with _sound_process() as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(order).encode())
            process.stdin.close()
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    async for line in process.stdout:
                        step = ConnectionStep.model_validate_json(line)
                        if not step.ok:
                            failed = Finding("", step.name, "fail", step.detail, PORTS, step.ms)
                            return [*findings, failed]
                        findings.append(Finding("", step.name, "ok", step.detail, ms=step.ms))
                    if await process.wait() == 0:
                        return findings
                    reason = "The probe ended without a report"
            except TimeoutError:
                reason = f"The probe was not done within {PROBE_TIMEOUT_S:g} s"
            except ValidationError as error:
                reason = f"The probe reported something unreadable ({error.error_count()} errors)"
            detail = f"{reason}; the log has more."
            return [
                *findings,
                Finding("", "probe", "fail", detail, PORTS, milliseconds_since(began)),
            ]


@asynccontextmanager
async def _sound_process() -> AsyncIterator[asyncio.subprocess.Process]:
    """The probe, which does not outlive this block. It gets tokens, not the secret."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy.probes.sound",
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
