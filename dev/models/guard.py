"""Only programs of this machine are answered: no page of the web, and no name bent to us."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from dev.models.refusal import refusal

OURS = {"localhost", "127.0.0.1", "::1"}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _name(f"//{request.host}") not in OURS:
        return refusal(403, f"Host {request.host!r} is not localhost, 127.0.0.1 or [::1]")
    origin = request.headers.get("Origin")
    if origin is not None and _name(origin) not in OURS:
        return refusal(403, f"Origin {origin!r} is not a page of this machine")
    return await handler(request)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # such as "//[::1"
        return None
