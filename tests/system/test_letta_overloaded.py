"""A Letta that asks for patience gets it, as far as the caller has any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from dev.caller import Caller, ServerAccess
from tests.running_system import System
from tests.system.worker import Worker


@dataclass
class Gate:
    """In front of Letta: passes all on, but refuses messages as often as it is told to."""

    letta_url: str
    patience: list[str] = field(default_factory=list)
    """Values of Retry-After for the next messages."""
    messages: int = 0
    url: str = ""

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and request.path.endswith("/messages"):
            self.messages += 1
            if self.patience:
                headers = {"Retry-After": self.patience.pop(0)}
                return web.json_response({"detail": "overloaded"}, status=503, headers=headers)
        async with (
            ClientSession() as session,
            session.request(
                request.method,
                self.letta_url + request.raw_path,
                headers={"Content-Type": request.headers.get("Content-Type", "application/json")},
                data=await request.read(),
            ) as answer,
        ):
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            return response


@pytest.fixture
async def gate(system: System) -> AsyncIterator[Gate]:
    made = Gate(system.letta_url)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.pass_on)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def told(caller: Caller, name: str) -> list[dict[str, Any]]:
    return [e["data"] for e in caller.events if (e["stage"], e["name"]) == ("think", name)]


async def test_a_little_patience_is_had_and_much_is_said_aloud(
    system: System, gate: Gate, tmp_path: Path
) -> None:
    worker = await asyncio.to_thread(
        lambda: Worker(system, tmp_path, "test-overloaded", LETTA_BASE_URL=gate.url)
    )
    way = ServerAccess(system.livekit_url, system.api_key, system.api_secret, worker.name)
    try:
        async with Caller(way) as caller:
            await caller.wait_until_listening()
            gate.patience = ["1"]
            turn = await caller.type("hello who are you")
            assert turn.answered and gate.messages == 2, worker.log()
            assert [one["retry_after"] for one in told(caller, "retry")] == [1.0]
            assert told(caller, "error") == []

            gate.patience = ["40"]
            for _ in range(2):  # the second time Letta is not even asked
                refused = await caller.type("and what is your name")
                assert "Please try again in" in refused.reply and "seconds" in refused.reply
                assert gate.messages == 3
            first, second = told(caller, "error")
            assert (first["code"], first["status"]) == ("letta_overloaded", 503)
            assert first["retry_after"] == 40.0 and 25 < second["retry_after"] <= 40
    finally:
        worker.stop()
