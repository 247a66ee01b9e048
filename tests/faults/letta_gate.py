"""A gate in front of a Letta server that lets through who has the key, as Letta Cloud does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

PASSED_ON = ("Content-Type",)


@contextmanager
def letta_with_key(letta_url: str, key: str) -> Iterator[str]:
    """The address of the gate; it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="letta gate")
    thread.start()
    try:
        runner, port = asyncio.run_coroutine_threadsafe(_open(letta_url, key), loop).result(10)
        try:
            yield f"http://localhost:{port}"
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _open(letta_url: str, key: str) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _passing(letta_url, key))
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, int(runner.addresses[0][1])


def _passing(letta_url: str, key: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {key}":
            return web.json_response({"detail": "Unauthorized"}, status=401)
        headers = {name: value for name in PASSED_ON if (value := request.headers.get(name))}
        async with (
            ClientSession() as session,
            session.request(
                request.method,
                letta_url + request.raw_path,
                headers=headers,
                data=await request.read(),
            ) as answer,
        ):
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            return response

    return handler
