"""A Letta server for tests: replays answers recorded from the real one, and keeps conversations as
it does.

A run stores its request and its whole answer when the answer has ended, nothing when it was
cancelled before. A fork copies what its conversation holds. `gate` holds an answer back before its
second piece of text until the test opens it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

HISTORIES = Path(__file__).parent / "histories"
AGENT = "agent-1"


@dataclass
class Kept:
    """A conversation as Letta keeps it."""

    summary: str | None
    messages: list[tuple[str, str]] = field(default_factory=list)
    recompiled: int = 0
    running: asyncio.Event | None = None  # set: the run was cancelled


@dataclass
class Answer:
    """The next answer: a recorded history, held before a piece of its text if there is a gate."""

    history: str = "plain"
    gate: asyncio.Event | None = None
    gate_before: int = 2
    pings: bool = False  # while it is held
    status: int = 200


class ReplayedLetta:
    def __init__(self) -> None:
        self.conversations: dict[str, Kept] = {}
        self.answers: deque[Answer] = deque()
        self.requests: list[list[tuple[str, str]]] = []
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.captured: list[dict[str, Any]] = []
        self.can_fork = True
        self.health = 200
        self.started = asyncio.Event()  # a run has sent its first piece of text
        self.url = ""
        self._made = 0

    def room(self, label: str = "voice room r") -> Kept:
        """The one conversation of the room."""
        (conversation,) = [kept for kept in self.conversations.values() if kept.summary == label]
        return conversation

    @property
    def beside(self) -> list[tuple[str, str]]:
        """What is kept of the agent, in none of its conversations."""
        found: list[tuple[str, str]] = []
        for each in self.captured:
            found += [("user", sent["content"]) for sent in each["request_messages"]]
            found += [("assistant", each["response_dict"]["content"])]
        return found

    async def serve(self) -> web.AppRunner:
        app = web.Application()
        conversation = "/v1/conversations/{id}"
        app.add_routes(
            [
                web.get("/v1/health/", self._health),
                web.get("/v1/agents/", self._agents),
                web.get("/v1/agents/{id}", self._agent),
                web.post("/v1/agents/{id}/messages/capture", self._capture),
                web.get("/v1/conversations/", self._list),
                web.post("/v1/conversations/", self._create),
                web.patch(conversation, self._update),
                web.delete(conversation, self._delete),
                web.post(f"{conversation}/fork", self._fork),
                web.post(f"{conversation}/recompile", self._recompile),
                web.post(f"{conversation}/cancel", self._cancel),
                web.get(f"{conversation}/messages", self._messages),
                web.post(f"{conversation}/messages", self._send),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        port = int(self.url.rpartition(":")[2]) if self.url else 0  # the one from before, if any
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def _get(self, request: web.Request) -> Kept:
        kept = self.conversations.get(request.match_info["id"])
        if kept is None:
            detail = {"detail": f"Conversation not found with id {request.match_info['id']}"}
            raise web.HTTPNotFound(text=json.dumps(detail), content_type="application/json")
        return kept

    def _add(self, kept: Kept) -> web.Response:
        self._made += 1
        conversation_id = f"conv-{self._made}"
        self.conversations[conversation_id] = kept
        return web.json_response(
            {"id": conversation_id, "agent_id": AGENT, "summary": kept.summary}
        )

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "version": "0"}, status=self.health)

    async def _agents(self, _: web.Request) -> web.Response:
        return web.json_response([{"id": AGENT, "name": "Ada"}])

    async def _agent(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != AGENT:
            return web.json_response({"detail": "Agent not found"}, status=404)
        return web.json_response({"id": AGENT, "name": "Ada"})

    async def _capture(self, request: web.Request) -> web.Response:
        self.captured.append(await request.json())
        return web.json_response({"success": True})

    async def _list(self, request: web.Request) -> web.Response:
        searched = request.query.get("summary_search", "")
        return web.json_response(
            [
                {"id": key, "agent_id": AGENT, "summary": kept.summary}
                for key, kept in reversed(self.conversations.items())
                if searched in (kept.summary or "")
            ]
        )

    async def _create(self, request: web.Request) -> web.Response:
        if request.query["agent_id"] != AGENT:
            return web.json_response({"detail": "Agent not found"}, status=404)
        return self._add(Kept((await request.json()).get("summary")))

    async def _update(self, request: web.Request) -> web.Response:
        self._get(request).summary = (await request.json())["summary"]
        return web.json_response({"id": request.match_info["id"], "agent_id": AGENT})

    async def _delete(self, request: web.Request) -> web.Response:
        self._get(request)
        del self.conversations[request.match_info["id"]]
        return web.json_response(None)

    async def _fork(self, request: web.Request) -> web.Response:
        if not self.can_fork:
            return web.json_response({"detail": "no such route"}, status=404)
        return self._add(Kept(None, list(self._get(request).messages)))

    async def _recompile(self, request: web.Request) -> web.Response:
        self._get(request).recompiled += 1
        return web.json_response("the prompt")

    async def _cancel(self, request: web.Request) -> web.Response:
        self.cancelled.put_nowait(request.match_info["id"])
        running = self._get(request).running
        if running is None:
            return web.json_response({"detail": "CONFLICT: No active runs to cancel"}, status=409)
        running.set()
        return web.json_response({"run-1": "cancelled"})

    async def _messages(self, request: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "id": f"message-{n}",
                    "message_type": f"{role}_message",
                    "content": text,
                    "date": DATE,
                }
                for n, (role, text) in enumerate(self._get(request).messages)
            ]
        )

    async def _send(self, request: web.Request) -> web.StreamResponse:
        kept = self._get(request)
        messages = (await request.json())["messages"]
        sent = [(message["role"], message["content"]) for message in messages]
        self.requests.append(sent)
        answer = self.answers.popleft() if self.answers else Answer()
        if answer.status != 200:
            return web.json_response({"detail": "the database is gone"}, status=answer.status)
        kept.running = asyncio.Event()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._replay(answer, kept, sent, response)
        finally:
            kept.running = None
        return response

    async def _replay(
        self,
        answer: Answer,
        kept: Kept,
        sent: list[tuple[str, str]],
        response: web.StreamResponse,
    ) -> None:
        running = kept.running
        assert running is not None
        text, pieces = "", 0
        for block in (HISTORIES / f"{answer.history}.sse").read_text().split("\n\n"):
            data = block.partition("data: ")[2]
            part = json.loads(data) if data.startswith("{") else {}
            if part.get("message_type") == "assistant_message":
                pieces += 1
                if pieces == answer.gate_before and answer.gate is not None:
                    self.started.set()
                    while answer.pings and not answer.gate.is_set():
                        await response.write(PING)
                        await asyncio.sleep(0.01)
                    await wait_for_either(answer.gate, running)
                text += part["content"]
            if running.is_set():
                block = 'data: {"message_type": "stop_reason", "stop_reason": "cancelled"}'
            elif part.get("stop_reason") == "end_turn":
                kept.messages += [*sent, ("assistant", text)]
            await response.write(f"{block}\n\n".encode())
            if running.is_set():
                return


PING = b'data: {"message_type": "ping", "id": "p", "date": "2026-11-21T12:00:00+00:00"}\n\n'
DATE = "2026-11-21T12:00:00+00:00"


async def wait_for_either(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
