"""A language model that says what it is told to say: the App Server stores only replies that its
model has given, so a conversation is carried over by holding it once more."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web


class Reciter:
    """Speaks OpenAI's protocol; `reply` is what it answers next. Models are asked for by name."""

    def __init__(self, models: Sequence[str]) -> None:
        self.reply = ""
        self._models = models

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    async def _list(self, request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model"} for name in self._models]
        return web.json_response({"object": "list", "data": models})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        model = str((await request.json()).get("model"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        said = {"role": "assistant", "content": self.reply}
        for choice in ({"delta": said}, {"delta": {}, "finish_reason": "stop"}):
            chunk = {"id": "r", "object": "chat.completion.chunk", "created": 0, "model": model}
            whole = json.dumps({**chunk, "choices": [{"index": 0, **choice}]})
            await response.write(f"data: {whole}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response
