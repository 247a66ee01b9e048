"""A Letta server as far as the proxy can tell: real HTTP, agents in memory, and one stream."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.running_system import free_ports

TOOL_SECRET = "planted-secret-of-a-tool"
AGENT: dict[str, Any] = {
    "id": "agent-11111111-1111-4111-8111-111111111111",
    "name": "first",
    "description": None,
    "created_at": "2026-11-01T00:00:00+00:00",
    "model": None,
    "llm_config": {"handle": "openai-proxy/rehearsal"},
    "embedding_config": {"handle": "openai-proxy/embedding"},
    "secrets": [{"key": "TOOL_KEY", "value": TOOL_SECRET}],
    "tool_exec_environment_variables": [{"key": "TOOL_KEY", "value": TOOL_SECRET}],
}
WATCHED = ("/v1/health/", "/v1/agents/count")


@dataclass
class LettaServer:
    """What was asked of it stands in `requests`, but for what the proxy asks by itself each second:
    that is only counted, in `looked_at`."""

    port: int = field(default_factory=lambda: free_ports(1)[0])
    agents: list[dict[str, Any]] = field(default_factory=lambda: [dict(AGENT)])
    human: str = "likes green"
    key: str | None = None
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    handles: dict[str, list[str]] = field(
        default_factory=lambda: {"model": ["maker/model"], "embedding": ["maker/embedding"]}
    )

    def __post_init__(self) -> None:
        self.next_event = asyncio.Event()
        self.stream_ended = asyncio.Event()
        self.looked_at = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(middlewares=[self._note], client_max_size=4 * 1024 * 1024)
        app.router.add_get("/v1/agents/", self._list)
        app.router.add_post("/v1/agents/", self._create)
        app.router.add_get("/v1/agents/{id}", self._retrieve)
        app.router.add_patch("/v1/agents/{id}", self._change)
        app.router.add_get("/v1/agents/{id}/core-memory/blocks", self._blocks)
        app.router.add_patch("/v1/agents/{id}/core-memory/blocks/{label}", self._write)
        app.router.add_get("/v1/models/", self._models)
        app.router.add_get("/v1/models/embedding", self._models)
        app.router.add_get("/v1/health/", self._health)
        app.router.add_post("/v1/conversations/{id}/messages", self._stream)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def aclose(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> Any:
        if request.path in WATCHED:
            self.looked_at += 1
        else:
            self.requests.append(request)
            self.bodies.append(await request.read())
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"detail": "Unauthorized"}, status=401)
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        limit, after = int(request.query.get("limit", "50")), request.query.get("after")
        ids = [agent["id"] for agent in self.agents]
        start = ids.index(after) + 1 if after else 0
        return web.json_response(self.agents[start : start + limit])

    async def _retrieve(self, request: web.Request) -> web.Response:
        for agent in self.agents:
            if agent["id"] == request.match_info["id"]:
                return web.json_response(agent)
        return web.json_response({"detail": "Agent not found"}, status=404)

    async def _create(self, request: web.Request) -> web.Response:
        wanted = json.loads(self.bodies[-1])
        agent = {**AGENT, "id": f"agent-{len(self.agents)}", "name": wanted["name"]}
        self.agents.append(agent)
        return web.json_response(agent)

    async def _change(self, request: web.Request) -> web.Response:
        for agent in self.agents:
            if agent["id"] == request.match_info["id"]:
                agent.update(json.loads(self.bodies[-1]))
                return web.json_response(agent)
        return web.json_response({"detail": "Agent not found"}, status=404)

    async def _blocks(self, request: web.Request) -> web.Response:
        if not any(agent["id"] == request.match_info["id"] for agent in self.agents):
            return web.json_response({"detail": "Agent not found"}, status=404)
        block = {"id": "block-1", "label": "human", "value": self.human, "limit": 5000}
        return web.json_response([block])

    async def _write(self, request: web.Request) -> web.Response:
        if not any(agent["id"] == request.match_info["id"] for agent in self.agents):
            return web.json_response({"detail": "Agent not found"}, status=404)
        self.human = json.loads(self.bodies[-1])["value"]
        return web.json_response({"label": request.match_info["label"], "value": self.human})

    async def _models(self, request: web.Request) -> web.Response:
        kind = "embedding" if request.path.endswith("embedding") else "model"
        others = [] if kind == "embedding" else [{"handle": "maker/tts-1"}]
        return web.json_response([*others, *({"handle": each} for each in self.handles[kind])])

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "version": "0"})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """An event, then the next one each time the test says so, until nobody listens."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.headers["Set-Cookie"] = "letta=1"
        await response.prepare(request)
        try:
            count = 0
            while True:
                count += 1
                await response.write(f"data: {count}\n\n".encode())
                await self.next_event.wait()
                self.next_event.clear()
        finally:
            self.stream_ended.set()
