"""Who may ask this Letta: programs of this machine, and pages served from it.

Letta has no password here and runs tools, so a page of a stranger must not reach it: neither by
posting across origins nor by having its own name resolve to this machine.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HOSTS = {"localhost", "127.0.0.1", "::1"}


class Guard:
    """An ASGI application around Letta's."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and (wrong := refusal(dict(scope["headers"]))):
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


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
