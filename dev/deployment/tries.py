"""How each endpoint can be tried without changing anything, and what should come of it.

An endpoint that is not in the table is tried all the same: a GET as it is, anything else as a
foreign page would send it, which must be refused before it is looked at.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from common.events import STAGES
from common.probe import ROOM_PREFIX
from dev.deployment.attempt import Check, Try
from dev.deployment.client import Reply

FOREIGN = {"Origin": "https://foreign.example"}
NO_AGENT = "agent-00000000-0000-4000-8000-000000000000"
NOBODY = f"{ROOM_PREFIX}nobody-{secrets.token_hex(3)}"
CONNECTION_TEST_LIMIT_S = 35.0


def _holds(*names: str) -> Check:
    """JSON with these fields."""

    def check(reply: Reply) -> str:
        told = reply.json
        lacks = [name for name in names if not isinstance(told, dict) or name not in told]
        return f"it lacks {', '.join(lacks)}" if lacks else ""

    return check


def _stages(reply: Reply) -> str:
    found = [each.get("stage") for each in reply.json.get("verdicts", ())]
    return "" if found == list(STAGES) else f"its stages are {found}"


def _worked(reply: Reply) -> str:
    """Of the connection test, which answers 200 also when a step failed."""
    return "" if reply.json.get("success") else str(reply.json.get("message"))


def _zip(reply: Reply) -> str:
    return "" if reply.body[:2] == b"PK" else "it is no zip"


def _redirects(reply: Reply) -> str:
    return "" if reply.headers.get("Location") == "/debug" else "it does not lead to /debug"


def _is_closed(reply: Reply) -> str:
    """An answer that no foreign page may read."""
    allowed = reply.headers.get("Access-Control-Allow-Origin")
    return f"it lets {allowed} read it" if allowed else ""


TABLE: tuple[Try, ...] = (
    Try("GET /", "/", 302, check=_redirects),
    Try("GET /favicon.ico", "/favicon.ico", 200),
    Try("GET /web/vendor/{name}", "/web/vendor/livekit-client.mjs", 200),
    Try("GET /web/vendor/{name}", "/web/vendor/other.mjs", 404, "NOT_FOUND"),
    Try("GET /web/{path}", "/web/%2e%2e/proxy/app.py", 404, "NOT_FOUND", note="outside of web/"),
    Try("GET /api/config", "/api/config", 200, check=_holds("livekit_url", "agent_name")),
    Try("POST /api/token", "/api/token", 400, "INVALID_REQUEST", body={}, note="without a room"),
    Try("GET /api/agents", "/api/agents", 200, check=_holds("agents")),
    Try("POST /api/agents", "/api/agents", 400, "NOT_JSON", body=[], note="nothing is made"),
    Try(
        "GET /api/agents/{agent_id}/memory",
        f"/api/agents/{NO_AGENT}/memory",
        404,
        "LETTA_NOT_FOUND",
    ),
    Try(
        "POST /api/dispatch-agent",
        "/api/dispatch-agent",
        404,
        "UNKNOWN_AGENT",
        body={"room": NOBODY, "agent_id": NO_AGENT},
        note="no such agent",
    ),
    Try("GET /api/dispatch-agent/{room}", f"/api/dispatch-agent/{NOBODY}", 200),
    Try(
        "POST /api/test-livekit-connection",
        "/api/test-livekit-connection",
        200,
        body={},
        check=_worked,
        note="sound arrives",
        limit=CONNECTION_TEST_LIMIT_S,
    ),
    Try("GET /health", "/health", 200, check=_holds("processes")),
    Try("GET /healthz", "/healthz", 200),
    Try("GET /health/agent", "/health/agent", 200, check=_holds("agent_name")),
    Try(
        "POST /webhooks/livekit",
        "/webhooks/livekit",
        401,
        "WEBHOOK_REFUSED",
        body={"event": "room_started"},
        note="not signed",
    ),
    Try("GET /letta/{path}", "/letta/v1/health", 200),
    Try("GET /letta/{path}", "/letta/v1/tools", 403, "LETTA_PATH_REFUSED"),
    Try("POST /letta/{path}", "/letta/v1/tools", 403, "LETTA_PATH_REFUSED", body={}),
    Try("PATCH /letta/{path}", "/letta/v1/tools/none", 403, "LETTA_PATH_REFUSED", body={}),
    Try(
        "POST /api/rooms/{room}/events",
        f"/api/rooms/{NOBODY}/events",
        401,
        "EVENTS_NOT_YOURS",
        body={"events": []},
        note="without a token",
    ),
    Try(
        "GET /api/rooms/{room}/events",
        f"/api/rooms/{NOBODY}/events",
        200,
        note="a stream with verdicts",
        first=b"event: verdicts",
    ),
    Try("GET /api/verdicts", "/api/verdicts", 200, check=_stages),
    Try("GET /api/rooms/{room}/verdicts", f"/api/rooms/{NOBODY}/verdicts", 200, check=_stages),
    Try("GET /api/calls", "/api/calls?limit=1", 200, check=_holds("calls")),
    Try("GET /api/calls/{id}", "/api/calls/none", 404, "UNKNOWN_CALL"),
    Try("DELETE /api/calls/{id}", "/api/calls/none", 404, "UNKNOWN_CALL"),
    Try("GET /api/bundle", "/api/bundle", 200, check=_zip, note="a zip", limit=20.0),
    Try("GET /api/openapi.json", "/api/openapi.json", 200, check=_holds("paths")),
)
GUARDS: tuple[Try, ...] = (
    Try(
        "GET /api/config",
        "/api/config",
        403,
        "HOST_NOT_ALLOWED",
        headers={"Host": "foreign.example"},
        note="foreign Host",
    ),
    Try(
        "POST /api/token",
        "/api/token",
        403,
        "ORIGIN_NOT_ALLOWED",
        body={"room": NOBODY},
        headers=FOREIGN,
        note="foreign page",
    ),
    Try(
        "OPTIONS /api/token",
        "/api/token",
        403,
        "ORIGIN_NOT_ALLOWED",
        headers={**FOREIGN, "Access-Control-Request-Method": "POST"},
        note="foreign page asks",
    ),
    Try(
        "GET /api/config",
        "/api/config",
        200,
        headers=FOREIGN,
        check=_is_closed,
        note="unreadable for a foreign page",
    ),
    Try("GET /no-such-thing", "/no-such-thing", 404, "NOT_FOUND"),
    Try("DELETE /api/token", "/api/token", 405, "METHOD_NOT_ALLOWED"),
)


def tries(document: Mapping[str, Any]) -> Iterator[Try]:
    """All requests for the endpoints of an OpenAPI document."""
    listed = [
        f"{method.upper()} {path}"
        for path, methods in document.get("paths", {}).items()
        for method in methods
    ]
    for endpoint in listed:
        known = [each for each in TABLE if each.of == endpoint]
        yield from known or [_unknown(endpoint)]
    yield from GUARDS


def missing(document: Mapping[str, Any]) -> list[str]:
    """Endpoints that there should be, and are not."""
    paths = document.get("paths", {})
    wanted = dict.fromkeys(each.of for each in TABLE)
    return [
        of
        for of in wanted
        if of.partition(" ")[0].lower() not in paths.get(of.partition(" ")[2], ())
    ]


def _unknown(endpoint: str) -> Try:
    method, _, path = endpoint.partition(" ")
    path = re.sub(r"\{[^}]*\}", "none", path)
    if method == "GET":
        return Try(endpoint, path, 200)
    return Try(endpoint, path, 403, "ORIGIN_NOT_ALLOWED", headers=FOREIGN, note="foreign page")
