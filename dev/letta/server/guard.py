"""Who may ask this Letta: programs of this machine, and pages served from it.

Letta has no password here and runs tools, so a page of a stranger must not reach it: neither by
posting across origins nor by having its own name resolve to this machine.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import json
from urllib.parse import urlsplit

HOSTS = {"localhost", "127.0.0.1", "::1"}


class Guard:
    """An ASGI application around Letta's."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket") and (wrong := refusal(dict(scope["headers"]))):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._refuse(send, wrong)
            return
        await self.app(scope, receive, send)

    async def _refuse(self, send, wrong):
        body = json.dumps({"detail": wrong}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def refusal(headers):
    """Why a request with these headers is refused, or None."""
    host = headers.get(b"host", b"").decode("latin-1")
    if _name(f"//{host}") not in HOSTS:
        return f"this Letta answers to localhost only, and was asked as {host!r}"
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and _name(origin) not in HOSTS:
        return f"this Letta answers no page of {origin!r}"
    return None


def _name(address):
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
