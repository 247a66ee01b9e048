"""Who may ask this Letta: programs of our own user on this machine, and pages served from it.

Letta has no password here and runs tools. So a page of a stranger must not reach it, neither by
posting across origins nor by having its own name resolve to this machine, and somebody else who has
an account here would run programs as us.
"""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from common.local_peer import ROOT, user_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HOSTS = {"localhost", "127.0.0.1", "::1"}


class Guard:
    """An ASGI application around Letta's."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] in ("http", "websocket")
        if asks and (wrong := refusal(dict(scope["headers"])) or strangers(scope)):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._refuse(send, wrong)
            return
        await self.app(scope, receive, send)

    async def _refuse(self, send: Send, wrong: str) -> None:
        body = json.dumps({"detail": wrong}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def refusal(headers: Mapping[bytes, bytes]) -> str | None:
    """Why a request with these headers is refused, or None."""
    host = headers.get(b"host", b"").decode("latin-1")
    if _name(f"//{host}") not in HOSTS:
        return f"this Letta answers to localhost only, and was asked as {host!r}"
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and _name(origin) not in HOSTS:
        return f"this Letta answers no page of {origin!r}"
    return None


def strangers(scope: Scope) -> str | None:
    """Why a request is refused for whose it is, or None."""
    if scope.get("client") and scope.get("server"):
        uid = user_of(scope["client"][1], scope["server"][1])
        if uid is not None and uid not in (ROOT, os.getuid()):
            return "this Letta belongs to another user of this machine"
    return None


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
