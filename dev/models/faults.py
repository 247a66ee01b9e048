"""Faults on purpose, for tests: `POST /faults` makes an endpoint fail, `DELETE /faults` ends it.

Exists only with FAULTS_ENABLED=true. A fault is one of: a status, a delay, a stall after some
bytes, an empty answer, a reset connection; `times` bounds how often it happens.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, ValidationError

from dev.models.refusal import refusal

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
    status: int | None = None
    delay_s: float = 0.0
    stall_after_bytes: int | None = None
    empty: bool = False
    reset: bool = False
    times: int | None = None


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
    """Let the first fault of the endpoint happen; what concerns the body is left to `write`."""
    fault = _take(request)
    if fault is None:
        return await handler(request)
    request["fault"] = fault
    if fault.delay_s:
        await asyncio.sleep(fault.delay_s)
    if fault.reset and request.transport is not None:
        request.transport.abort()
        raise ConnectionResetError("reset on purpose")
    if fault.status is not None:
        return refusal(fault.status, f"failed on purpose with {fault.status}")
    if fault.empty and fault.endpoint != "stream":
        return web.Response(body=b"", content_type="text/event-stream")
    return await handler(request)


def of(request: web.Request) -> Fault | None:
    """The fault that this request must suffer."""
    found: Fault | None = request.get("fault")
    return found


async def write(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Write a part of the body; with a stall on purpose, only what is allowed, then nothing."""
    fault = of(request)
    if fault is None or fault.stall_after_bytes is None:
        await response.write(data)
        return
    left = fault.stall_after_bytes - request.get("written", 0)
    request["written"] = request.get("written", 0) + len(data)
    if left >= len(data):
        await response.write(data)
        return
    await response.write(data[: max(left, 0)])
    await asyncio.sleep(LONGEST_STALL_S)


def _take(request: web.Request) -> Fault | None:
    endpoint = PATHS.get(request.path)
    faults = request.app[FAULTS]
    fault = next((fault for fault in faults if fault.endpoint == endpoint), None)
    if fault is not None and fault.times is not None:
        fault.times -= 1
        if fault.times <= 0:
            faults.remove(fault)
    return fault.model_copy() if fault else None
