"""`GET /vitals` beside Letta's own routes, past its middlewares: it is asked every few seconds."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from common.vitals import Vitals

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
PATH = "/vitals"


class VitalsRoute:
    """An ASGI application around Letta's; notes when Letta is given something to do."""

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], vitals: Vitals
    ) -> None:
        self._app = app
        self._vitals = vitals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] == PATH and scope["method"] == "GET":
                await self._tell(send)
                return
            if scope["method"] != "GET":
                self._vitals.active()
        await self._app(scope, receive, send)

    async def _tell(self, send: Send) -> None:
        body = json.dumps(self._vitals.data()).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
