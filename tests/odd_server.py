"""A server of OpenAI's protocol whose answers are odd: what it answers stands in odd_answers.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Endpoint = Literal["transcriptions", "speech", "chat", "stream"]
PATHS: dict[str, Endpoint] = {
    "/v1/audio/transcriptions": "transcriptions",
    "/v1/audio/speech": "speech",
    "/v1/chat/completions": "chat",
    "/v1/audio/transcriptions/stream": "stream",
}
How = Literal["whole", "cut", "chunks cut", "endless", "drip", "hang", "redirects", "reset"]
PART = 64 * 1024
ENDLESS = 100 * 1024 * 1024
DRIP_EVERY_S = 0.05


@dataclass(frozen=True)
class OddAnswer:
    """A row of the table. `how` its body comes: whole; `cut`: less than Content-Length says;
    `chunks cut`: it ends within a chunk; `endless`: 100 MB of it; `drip`: a byte at a time;
    `hang`: the head and then nothing; `redirects`: to itself; `reset`: no answer at all.

    `said` must all be in the sentence for the person. When that is empty nothing is wrong: `text`
    is understood, or sound heard.
    """

    name: str
    endpoint: Endpoint
    body: bytes = b""
    said: tuple[str, ...] = ()
    text: str = ""
    status: int = 200
    content_type: str | None = None
    how: How = "whole"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class OddServer:
    """Answers each endpoint as `answers` says, or well. `sent`: bytes of bodies that left."""

    url: str = ""
    answers: dict[Endpoint, OddAnswer] = field(default_factory=dict)
    well: dict[Endpoint, OddAnswer] = field(default_factory=dict)
    asked: list[Endpoint] = field(default_factory=list)
    sent: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        endpoint = PATHS.get(request.path)
        if endpoint is None:
            return web.json_response({"object": "list", "data": []})
        with contextlib.suppress(ConnectionError):
            await request.read()
        self.asked.append(endpoint)
        odd = self.answers.get(endpoint) or self.well[endpoint]
        if endpoint == "stream":
            return await self._talk(request, odd)
        headers = dict(odd.headers)
        if odd.content_type is not None:
            headers["Content-Type"] = odd.content_type
        if odd.how == "reset":
            return self._reset(request)
        if odd.how == "redirects":
            return web.Response(status=307, headers={"Location": request.path})
        response = web.StreamResponse(status=odd.status, headers=headers)
        if odd.how == "cut":
            response.content_length = len(odd.body) + 1000
        elif odd.how == "whole":
            response.content_length = len(odd.body)
        else:
            response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            await self._body(request, response, odd)
        except ConnectionError:  # the caller has had enough
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _body(
        self, request: web.Request, response: web.StreamResponse, odd: OddAnswer
    ) -> None:
        if odd.how == "endless":
            while self.sent < ENDLESS:
                await self._write(response, odd.body * (PART // len(odd.body)))
        elif odd.how == "drip":
            for at in range(len(odd.body)):
                await self._write(response, odd.body[at : at + 1])
                await asyncio.sleep(DRIP_EVERY_S)
        elif odd.how == "hang":
            await asyncio.Event().wait()
        else:
            await self._write(response, odd.body)
            if odd.how in ("cut", "chunks cut"):
                self._reset(request)

    async def _write(self, response: web.StreamResponse, part: bytes) -> None:
        if part:
            await response.write(part)
            self.sent += len(part)

    def _reset(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.close()
        return web.Response()

    async def _talk(self, request: web.Request, odd: OddAnswer) -> web.StreamResponse:
        """The offline server's stream: the answer comes at the end of each utterance.

        It is text, or bytes when it is none.
        """
        if odd.status != 200:
            return web.Response(status=odd.status, body=odd.body)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is web.WSMsgType.TEXT and json.loads(message.data)["type"] == "end":
                if odd.content_type == "binary":
                    await socket.send_bytes(odd.body)
                else:
                    await socket.send_str(odd.body.decode())
        return socket


@asynccontextmanager
async def odd_server(*well: OddAnswer) -> AsyncIterator[OddServer]:
    """`well`: what it answers where nothing odd is asked of it."""
    server = OddServer(well={one.endpoint: one for one in well})
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{any:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address: Any = runner.addresses[0]
    server.url = f"http://127.0.0.1:{address[1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
