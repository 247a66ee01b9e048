"""Only programs of this machine and of our own user are answered: no page of the web, no name bent
to us, and no stranger who has an account here."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from common.local_peer import is_stranger
from dev.models.refusal import refusal

ONLY_MINE = web.AppKey("only_mine", bool)
OURS = {"localhost", "127.0.0.1", "::1"}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _name(f"//{request.host}") not in OURS:
        return refusal(403, f"Host {request.host!r} is not localhost, 127.0.0.1 or [::1]")
    origin = request.headers.get("Origin")
    if origin is not None and _name(origin) not in OURS:
        return refusal(403, f"Origin {origin!r} is not a page of this machine")
    transport = request.transport
    if request.app[ONLY_MINE] and transport is not None and is_stranger(transport):
        why = "another user of this machine runs these models (LOCAL_USERS=all opens them)"
        return refusal(403, why)
    return await handler(request)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # such as "//[::1"
        return None
