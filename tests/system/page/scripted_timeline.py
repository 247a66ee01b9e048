"""A server before a real proxy: it speaks for the timeline as a test tells it, passing on the rest.

Verdicts, events and kept calls come to the page over the real protocol, with the content that the
test wants to see on the page.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from aiohttp import hdrs, web

from common.events import STAGES

HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})


def verdicts(call: str | None = "c1", **said: dict[str, Any]) -> dict[str, Any]:
    """An answer of verdicts: every stage is ok but those that are said to be otherwise."""
    nothing = {"cause": "", "sentence": "All is well.", "next": "", "evidence": []}
    times = {"since": None, "ms": 12, "usual_ms": 40}
    return {
        "success": True,
        "room": None,
        "call": call,
        "now": time.time(),
        "failing": next((s for s in STAGES if said.get(s, {}).get("state") == "failing"), None),
        "verdicts": [
            {"stage": stage, "state": "ok", **nothing, **times, **said.get(stage, {})}
            for stage in STAGES
        ],
    }


class ScriptedTimeline:
    """What a test tells the page, and what the page told."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.system = verdicts(None)
        self.calls: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.posted: list[dict[str, Any]] = []
        self.proofs: set[str] = set()
        self.refuse_with: int | None = None
        self.refuse_streams = False
        self.resumed_after: list[str] = []
        self.token_room: str | None = None
        self._streams: dict[web.StreamResponse, asyncio.Event] = {}
        self._said: dict[str, Any] | None = None
        self._number = 0
        self._loop = asyncio.new_event_loop()

    def topics(self) -> list[str]:
        return [f"{each['stage']}.{each['name']}" for each in self.posted]

    def judge(self, answer: dict[str, Any]) -> None:
        """Verdicts, to every stream that is open or will be."""
        self._said = answer
        self._send(f"event: verdicts\ndata: {json.dumps(answer)}\n\n")

    def happen(self, **event: Any) -> None:
        """An event, to every stream that is open."""
        self._number += 1
        told = {"at": time.time(), "source": "proxy", "data": {}, **event}
        self._send(f"id: {self._number}\nevent: event\ndata: {json.dumps(told)}\n\n")

    def cut_streams(self) -> None:
        """End every stream, as a proxy that is restarted does."""

        async def cut() -> None:
            for over in self._streams.values():
                over.set()
            self._streams.clear()

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(10)

    @property
    def streams(self) -> int:
        return len(self._streams)

    def _send(self, text: str) -> None:
        async def send() -> None:
            for each in list(self._streams):
                await each.write(text.encode())

        asyncio.run_coroutine_threadsafe(send(), self._loop).result(10)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_streams:
            return web.json_response({"success": False, "error": "TOO_MANY_WATCHERS"}, status=503)
        self.resumed_after.append(request.headers.get("Last-Event-ID", ""))
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 200\n\n")
        if self._said is not None:
            await response.write(f"event: verdicts\ndata: {json.dumps(self._said)}\n\n".encode())
        over = self._streams[response] = asyncio.Event()
        try:
            await over.wait()
        finally:
            self._streams.pop(response, None)
        return response

    async def _post(self, request: web.Request) -> web.Response:
        if self.refuse_with is not None:
            answer = {"success": False, "error": "STORE_UNAVAILABLE", "message": "Not now."}
            return web.json_response(answer, status=self.refuse_with)
        body = await request.json()
        known = {each["key"] for each in self.posted}
        fresh = [each for each in body["events"] if each["key"] not in known]
        self.posted += fresh
        self.proofs.add(request.headers.get(hdrs.AUTHORIZATION, ""))
        return web.json_response({"success": True, "accepted": len(fresh), "known": 0})

    async def _system(self, _: web.Request) -> web.Response:
        return web.json_response({**self.system, "now": time.time()})

    async def _call(self, _: web.Request) -> web.Response:
        return web.json_response({**(self._said or self.system), "now": time.time()})

    async def _list(self, _: web.Request) -> web.Response:
        newest = sorted((c["call"] for c in self.calls.values()), key=lambda c: -c["started"])
        return web.json_response({"success": True, "calls": newest})

    async def _get(self, request: web.Request) -> web.Response:
        if (call := self.calls.get(request.match_info["id"])) is None:
            answer = {
                "success": False,
                "error": "UNKNOWN_CALL",
                "message": "There is no such call.",
            }
            return web.json_response(answer, status=404)
        return web.json_response({"success": True, **call})

    async def _delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.match_info["id"])
        del self.calls[request.match_info["id"]]
        return web.json_response({"success": True})

    async def _pass_on(self, request: web.Request) -> web.Response:
        """Whatever is not the timeline's is the real proxy's."""
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        if hdrs.ORIGIN in headers:
            headers[hdrs.ORIGIN] = self.target
        body = await request.read()
        if request.path == "/api/token" and self.token_room is not None:
            body = json.dumps({**json.loads(body), "room": self.token_room}).encode()
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                f"{self.target}{request.raw_path}",
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as answer,
        ):
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    async def _serve(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/api/rooms/{room}/events", self._stream)
        app.router.add_post("/api/rooms/{room}/events", self._post)
        app.router.add_get("/api/rooms/{room}/verdicts", self._call)
        app.router.add_get("/api/verdicts", self._system)
        app.router.add_get("/api/calls", self._list)
        app.router.add_get("/api/calls/{id}", self._get)
        app.router.add_delete("/api/calls/{id}", self._delete)
        app.router.add_route("*", "/{rest:.*}", self._pass_on)
        runner = web.AppRunner(app, shutdown_timeout=0.5, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://localhost:{runner.addresses[0][1]}"
        return runner

    def run(self) -> Iterator[ScriptedTimeline]:
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            runner = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
            yield self
            self.cut_streams()
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result(10)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()


@contextmanager
def scripted_timeline(target: str) -> Iterator[ScriptedTimeline]:
    """A scripted timeline before the proxy at `target`, for as long as the block."""
    yield from ScriptedTimeline(target).run()
