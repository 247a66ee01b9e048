"""The proxy's side of the timeline, made for tests: keeps each event once, and fails as told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import aiohttp
import jwt
from aiohttp import web

from agent.timeline.client import TimelineClient

Fault = Literal["500", "401", "429", "not stored", "cut", "slow", "nonsense"]
KEY, SECRET = "key", "a secret of at least 32 characters!"


class LoopbackTimeline:
    """`faults` befall the next requests, one each; `hostile` are keys of events it refuses."""

    def __init__(self) -> None:
        self.port = 0
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.hostile: set[str] = set()
        self.broken_room = ""
        self.stored: list[dict[str, Any]] = []
        self.shown: list[dict[str, Any]] = []
        self.requests = 0
        self.tokens: list[dict[str, Any]] = []
        self._keys: set[str] = set()
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=600_000)
        app.add_routes([web.post("/api/rooms/{room}/events", self._take)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def sender(self, session: aiohttp.ClientSession) -> TimelineClient:
        return TimelineClient(f"http://127.0.0.1:{self.port}", KEY, SECRET, session)

    async def until(self, true: Callable[[], bool], timeout: float = 10) -> None:
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(true)

    def numbers(self, room: str = "r") -> list[int]:
        return [one["data"]["n"] for one in self.stored if one["room"] == room]

    async def _take(self, request: web.Request) -> web.StreamResponse:
        events = (await request.json())["events"]
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.tokens.append(jwt.decode(token, SECRET, algorithms=["HS256"]))
        try:
            return await self._answer(request, events)
        finally:
            async with self._changed:
                self.requests += 1
                self._changed.notify_all()

    async def _answer(
        self, request: web.Request, events: list[dict[str, Any]]
    ) -> web.StreamResponse:
        assert len(events) <= 200
        assert all(one["room"] == request.match_info["room"] for one in events)
        fault = self.faults.popleft() if self.faults else self.always
        if request.match_info["room"] == self.broken_room:
            return self._failed(500, "BROKEN")
        if fault in ("500", "401", "429"):
            return self._failed(int(fault), "BROKEN")
        if fault == "nonsense":
            return web.Response(text="<html>another program</html>")
        if fault == "not stored":
            self.shown += events
            return self._failed(503, "STORE_UNAVAILABLE")
        if any(one["key"] in self.hostile for one in events):
            return self._failed(400, "BAD_EVENT")
        new = [one for one in events if one["key"] not in self._keys]
        self._keys.update(one["key"] for one in new)
        self.stored += new
        if fault == "slow":
            await asyncio.sleep(0.3)
        if fault == "cut":  # stored, but the sender cannot know
            assert request.transport is not None
            request.transport.abort()
        known = len(events) - len(new)
        return web.json_response({"success": True, "accepted": len(new), "known": known})

    @staticmethod
    def _failed(status: int, error: str) -> web.Response:
        body = {"success": False, "error": error, "message": "on purpose"}
        return web.json_response(body, status=status)
