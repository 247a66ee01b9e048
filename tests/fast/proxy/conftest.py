"""Real proxies on ports of their own, and clients that ask them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp import web

from proxy import app
from proxy.settings import ProxySettings
from tests.fast.proxy.letta_server import LettaServer
from tests.running_system import free_ports

KEY = "unit-test-key"
SECRET = "unit-test-secret-0123456789abcdef-unit"
LETTA_KEY = "sk-let-planted-0123456789"


@dataclass
class Asked:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Proxy:
    """A running proxy and a client of it."""

    def __init__(
        self, settings: ProxySettings, runner: web.AppRunner, session: aiohttp.ClientSession
    ) -> None:
        self.settings = settings
        self.runner = runner
        self.session = session
        self.url = f"http://127.0.0.1:{settings.proxy_port}"

    async def ask(self, method: str, path: str, **options: Any) -> Asked:
        async with self.session.request(
            method, self.url + path, allow_redirects=False, **options
        ) as response:
            return Asked(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Asked:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Asked:
        return await self.ask("POST", path, json={} if body is None else body, **options)

    async def patch(self, path: str, body: Any) -> Asked:
        return await self.ask("PATCH", path, json=body)

    async def dispatch(self, room: str, **more: Any) -> Asked:
        return await self.post("/api/dispatch-agent", {"room": room, **more})


async def running_proxy(stack: AsyncExitStack, **settings: Any) -> Proxy:
    """A proxy that runs until `stack` ends. Nothing outside of it answers unless set."""
    own, nobody, no_letta, no_livekit = free_ports(4)
    chosen: dict[str, Any] = {
        "livekit_url": f"ws://127.0.0.1:{no_livekit}",
        "livekit_api_key": KEY,
        "livekit_api_secret": SECRET,
        "letta_base_url": f"http://127.0.0.1:{no_letta}",
        "letta_api_key": LETTA_KEY,
        "letta_backend": "v1",  # what letta_server.py speaks
        "agent_url": f"http://127.0.0.1:{nobody}",
        "proxy_port": own,
        # LiveKit's native library lives in one loop a process; here each test has its own.
        "observe_rooms": False,
        **settings,
    }
    configured = ProxySettings(**chosen)
    runner = await app.start(configured)
    stack.push_async_callback(runner.cleanup)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return Proxy(configured, runner, session)


class StartProxy(Protocol):
    """Starts a proxy with the given settings."""

    async def __call__(self, **settings: Any) -> Proxy: ...


@pytest.fixture
async def start_proxy() -> AsyncIterator[StartProxy]:
    """Starts proxies that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Proxy:
            return await running_proxy(stack, **settings)

        yield start


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room name of the test's own."""
    return f"room-of-{request.node.name}"[:100]


@pytest.fixture
async def letta() -> AsyncIterator[LettaServer]:
    """A Letta server with one agent."""
    made = LettaServer()
    await made.start()
    yield made
    await made.aclose()
