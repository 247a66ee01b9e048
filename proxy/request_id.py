"""The request id: one word that connects an answer with the lines of the log."""

from __future__ import annotations

import re
import uuid

from aiohttp import web

HEADER = "X-Request-Id"
_KEY = web.RequestKey("request_id", str)
ACCEPTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def request_id(request: web.BaseRequest) -> str:
    """The id of `request`: the caller's own when it is a plain word, else a new one."""
    if _KEY in request:
        return request[_KEY]
    offered = request.headers.get(HEADER, "")
    ident = offered if ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex[:16]
    request[_KEY] = ident
    return ident
