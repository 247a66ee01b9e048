"""Faults on purpose, for tests: `POST /faults` makes an endpoint fail, `DELETE /faults` ends it.

Exists only with FAULTS_ENABLED=true. A fault is one of: a status, a delay, a stall after some
bytes, an empty answer, speech-to-text that hears nothing, a sound of silence, a reset connection;
`times` bounds how often it happens.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import numpy as np
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dev.models.refusal import refusal
from dev.models.sound import Pcm

Endpoint = Literal["transcriptions", "speech", "chat", "embeddings", "stream"]
PATHS: dict[str, Endpoint] = {
    "/v1/audio/transcriptions": "transcriptions",
    "/v1/audio/transcriptions/stream": "stream",
    "/v1/audio/speech": "speech",
    "/v1/chat/completions": "chat",
    "/v1/embeddings": "embeddings",
}
LONGEST_STALL_S = 120.0


class Fault(BaseModel):
    model_config = ConfigDict(extra="forbid")
    endpoint: Endpoint
    status: int | None = Field(None, ge=400, le=599)
    delay_s: float = Field(0.0, ge=0, le=LONGEST_STALL_S)
    stall_after_bytes: int | None = Field(None, ge=0)
    empty: bool = False
    deaf: bool = False
    silent: bool = False
    reset: bool = False
    times: int | None = Field(None, ge=1)


FAULTS = web.AppKey("faults", list[Fault])


def routes() -> list[web.RouteDef]:
    return [web.post("/faults", _set), web.get("/faults", _list), web.delete("/faults", _clear)]


async def _set(request: web.Request) -> web.Response:
    try:
        fault = Fault.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        return refusal(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    request.app[FAULTS].append(fault)
    return web.json_response(fault.model_dump(), status=201)


async def _list(request: web.Request) -> web.Response:
    return web.json_response([fault.model_dump() for fault in request.app[FAULTS]])


async def _clear(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    return web.json_response([])


@web.middleware
async def inject(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the first fault of the endpoint happen; a stall within the body is left to `write`.

    A WebSocket is only refused here: what else befalls it does so at each utterance (`at_final`).
    """
    endpoint = PATHS.get(request.path)
    fault = _take(request, endpoint, refusing=endpoint == "stream")
    if fault is None:
        return await handler(request)
    request["fault"] = fault
    await _delay_or_reset(request, fault)
    if fault.status is not None:
        return refusal(fault.status, f"failed on purpose with {fault.status}")
    if fault.empty:
        return web.json_response({"text": ""}) if endpoint == "transcriptions" else web.Response()
    return await handler(request)


def sound(request: web.Request, pcm: Pcm) -> Pcm:
    """What becomes of sound before it is encoded: silence, if that is asked for."""
    fault: Fault | None = request.get("fault")
    return np.zeros_like(pcm) if fault is not None and fault.silent else pcm


async def write(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Write a part of the body; with a stall on purpose, only what is allowed, then nothing."""
    fault: Fault | None = request.get("fault")
    if fault is None or fault.stall_after_bytes is None:
        await response.write(data)
        return
    left = max(fault.stall_after_bytes - request.get("written", 0), 0)
    request["written"] = request.get("written", 0) + len(data)
    await response.write(data[:left])
    if left < len(data):
        await asyncio.sleep(LONGEST_STALL_S)


async def at_final(request: web.Request, text: str) -> str:
    """What becomes of the final text of an utterance of a stream."""
    fault = _take(request, "stream", refusing=False)
    if fault is None:
        return text
    await _delay_or_reset(request, fault)
    if fault.stall_after_bytes is not None:
        await asyncio.sleep(LONGEST_STALL_S)
    return "" if fault.empty or fault.deaf else text


def is_deaf(request: web.Request) -> bool:
    """Whether no word of an utterance shall be recognised, not even before its end."""
    return any(fault.deaf for fault in request.app.get(FAULTS, []))


async def _delay_or_reset(request: web.Request, fault: Fault) -> None:
    if fault.delay_s:
        await asyncio.sleep(fault.delay_s)
    if fault.reset and request.transport is not None:
        request.transport.abort()
        raise ConnectionResetError("reset on purpose")


def _take(request: web.Request, endpoint: Endpoint | None, *, refusing: bool) -> Fault | None:
    """The first fault of `endpoint`, counted down; `refusing`: only one with a status.

    Of the stream, whose status can only be given when it begins, the others wait for an utterance.
    """
    faults = request.app.get(FAULTS, [])
    for fault in faults:
        if fault.endpoint != endpoint or (endpoint == "stream" and refusing != bool(fault.status)):
            continue
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                faults.remove(fault)
        return fault
    return None
