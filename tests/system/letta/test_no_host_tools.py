"""Whatever the model asks for, an agent of the App Server does nothing on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.letta.backend import Backend, Part, Stopped, ToolCall, ToolReturn
from tests.running_system import free_ports
from tests.system.letta.conftest import PERSONA
from tests.system.letta.lettas import Letta, connected
from tests.system.letta.test_backends import user, words

CANARY = "canary"


class AskingModel:
    """A language model that calls the tool it is told to call, and says what came of it.

    What it is told is JSON: {"name": …, "arguments": {…}}.
    """

    def __init__(self) -> None:
        self.offered: list[str] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**24)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "rehearsal"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        self.offered = [tool["function"]["name"] for tool in wanted.get("tools") or []]
        last = wanted["messages"][-1]
        if last["role"] == "tool":
            return await _stream(request, {"content": f"it said: {_text(last)[:200]}"}, "stop")
        call = json.loads(_text(last)[_text(last).index("{") :])
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        asked = {"index": 0, "id": "call_1", "type": "function", "function": function}
        return await _stream(request, {"tool_calls": [asked]}, "tool_calls")


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content)


async def _stream(request: web.Request, delta: dict[str, Any], why: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    first = {"role": "assistant", **delta}
    for choice in ({"delta": first}, {"delta": {}, "finish_reason": why}):
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "rehearsal"}
        chunk["choices"] = [{"index": 0, **choice}]
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[tuple[Backend, AskingModel, Path]]:
    model = AskingModel()
    async with TestServer(model.app()) as server:
        letta = Letta("app-server", tmp_path, free_ports(1)[0], server.port or 0)
        running = letta.app_server()
        await asyncio.to_thread(running.__enter__)
        try:
            async with connected(letta) as backend:
                yield backend, model, tmp_path
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


def attacks(home: Path) -> list[tuple[str, dict[str, Any]]]:
    canary = str(home / CANARY)
    return [
        ("Bash", {"command": f"touch {canary}", "description": "make a file"}),
        ("exec_command", {"cmd": f"touch {canary}"}),
        ("shell_command", {"command": f"touch {canary}"}),
        ("Write", {"file_path": canary, "content": "x"}),
        ("Edit", {"file_path": canary, "old_string": "", "new_string": "x"}),
        ("Agent", {"subagent_type": "general-purpose", "prompt": "x", "description": "x"}),
        ("Task", {"subagent_type": "general-purpose", "prompt": "x", "description": "x"}),
        ("Skill", {"skill": "x"}),
        ("unknown_tool", {"x": 1}),
        ("memory", {"command": "create", "path": canary, "file_text": "x"}),
        ("memory_insert", {"label": f"../../../../../../..{canary}", "new_string": "x"}),
        ("memory_insert", {"label": canary, "new_string": "x"}),
        ("memory_insert", {"label": "MEMORY", "new_string": "x"}),
        ("memory_replace", {"label": "..", "old_string": "", "new_string": "x"}),
        ("memory_insert", {"label": "human"}),
    ]


async def test_nothing_on_this_machine_is_touched(
    asking: tuple[Backend, AskingModel, Path],
) -> None:
    backend, model, home = asking
    agent = await backend.create_agent("Asking", PERSONA)
    before = {block.label: block.value for block in await backend.blocks(agent.id)}
    for name, arguments in attacks(home):
        conversation = await backend.create_conversation(agent.id, "voice room a")
        told = user(json.dumps({"name": name, "arguments": arguments}))
        parts: list[Part] = [part async for part in backend.run(conversation, [told])]
        assert sorted(model.offered) == ["memory_insert", "memory_replace"]
        called = "".join(part.name for part in parts if isinstance(part, ToolCall))
        assert called == name, "what the model wanted is told"
        returned = [part for part in parts if isinstance(part, ToolReturn)]
        assert [part.status for part in returned] == ["error"], (name, parts)
        assert "it said" in words(parts) and Stopped("end_turn") in parts, (name, parts)
    assert not list(home.rglob(CANARY)), "a file was made"
    assert {block.label: block.value for block in await backend.blocks(agent.id)} == before
