"""How each endpoint can be tried without changing anything, and what should come of it.

An endpoint that is not in the table is tried all the same: a GET as it is, anything else as a
foreign page would send it, which must be refused before it is looked at.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from yarl import URL

from common.events import STAGES
from common.probe import ROOM_PREFIX, Probe, ProbeAnswer, ProbeFailed, milliseconds_since
from proxy.clients.outside import FAILURES, in_words

LIMIT_S = 5.0
BODY_MAX = 8 * 2**20
FOREIGN = {"Origin": "https://foreign.example"}
NO_AGENT = "agent-00000000-0000-4000-8000-000000000000"
NOBODY = f"{ROOM_PREFIX}nobody-{secrets.token_hex(3)}"
CONNECTION_TEST_LIMIT_S = 35.0


class NoAnswer(Exception):
    """There was none; the text says why."""


@dataclass(frozen=True)
class EndpointReply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: float

    @property
    def json(self) -> Any:
        """The body as JSON; an empty object when it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def outcome(self) -> str:
        """The status, and the code of an error."""
        code = self.json.get("error") if isinstance(self.json, dict) else None
        return f"{self.status} {code}" if code else str(self.status)


class Client:
    """One system."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base.rstrip("/")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        limit: float = LIMIT_S,
        first: bytes = b"",
    ) -> EndpointReply:
        """The answer to one request; of a stream only as much as it takes until `first` came."""
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(limit),
                self.session.request(
                    method,
                    URL(self.base + path, encoded=True),
                    json=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                if first and response.status == 200:
                    data = b""
                    while first not in data and (part := await response.content.readany()):
                        data += part
                else:
                    data = await response.content.read(BODY_MAX)
                ms = milliseconds_since(began)
                return EndpointReply(response.status, response.headers, data, ms)
        except TimeoutError:
            raise NoAnswer(f"no answer within {limit:g} s") from None
        except FAILURES as error:
            raise NoAnswer(in_words(error)) from None


Check = Callable[[EndpointReply], str]
"""What is wrong with an answer of the right status; empty when nothing is."""


def _fine(_: EndpointReply) -> str:
    return ""


@dataclass(frozen=True)
class Try:
    """One request. `path` is what is asked; `of` the endpoint as the OpenAPI document writes it."""

    of: str
    path: str
    status: int
    code: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    check: Check = _fine
    note: str = ""
    limit: float = LIMIT_S
    first: bytes = b""

    @property
    def method(self) -> str:
        return self.of.partition(" ")[0]

    @property
    def expected(self) -> str:
        outcome = f"{self.status} {self.code}".strip()
        return f"{outcome} ({self.note})" if self.note else outcome

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    async def ask(self, client: Client) -> str:
        """What came back when it is as expected; else `ProbeFailed`."""
        try:
            reply = await client.ask(
                self.method,
                self.path,
                body=self.body,
                headers=self.headers,
                limit=self.limit,
                first=self.first,
            )
        except NoAnswer as error:
            raise ProbeFailed(str(error)) from None
        if reply.outcome.split() != f"{self.status} {self.code}".split():
            message = reply.json.get("message", "") if isinstance(reply.json, dict) else ""
            raise ProbeFailed(f"{reply.outcome} {message}".strip())
        if wrong := self.check(reply):
            raise ProbeFailed(f"{reply.outcome}, but {wrong}")
        return reply.outcome


def _holds(*names: str) -> Check:
    """JSON with these fields."""

    def check(reply: EndpointReply) -> str:
        answer = reply.json
        lacks = [name for name in names if not isinstance(answer, dict) or name not in answer]
        return f"it lacks {', '.join(lacks)}" if lacks else ""

    return check


def _stages(reply: EndpointReply) -> str:
    stages = [verdict.get("stage") for verdict in reply.json.get("verdicts", ())]
    return "" if stages == list(STAGES) else f"its stages are {stages}"


def _worked(reply: EndpointReply) -> str:
    """Of the connection test, which answers 200 also when a step failed."""
    return "" if reply.json.get("success") else str(reply.json.get("message"))


def _zip(reply: EndpointReply) -> str:
    return "" if reply.body[:2] == b"PK" else "it is no zip"


def _redirects(reply: EndpointReply) -> str:
    return "" if reply.headers.get("Location") == "/debug" else "it does not lead to /debug"


def _is_closed(reply: EndpointReply) -> str:
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
    Try(
        "POST /api/token",
        "/api/token",
        400,
        "INVALID_REQUEST",
        body={"identity": "agent-nobody"},
        note="as an agent",
    ),
    Try("GET /api/agents", "/api/agents", 200, check=_holds("agents")),
    Try("GET /api/models", "/api/models", 200, check=_holds("models")),
    Try("POST /api/agents", "/api/agents", 400, "NOT_JSON", body=[], note="nothing is made"),
    Try(
        "GET /api/agents/{agent_id}/memory",
        f"/api/agents/{NO_AGENT}/memory",
        404,
        "UNKNOWN_AGENT",
    ),
    Try(
        "GET /api/agents/{agent_id}/memory/{label}/versions",
        f"/api/agents/{NO_AGENT}/memory/human/versions",
        404,
        "UNKNOWN_AGENT",
    ),
    Try(
        "GET /api/agents/{agent_id}/memory/{label}/versions/{version}",
        f"/api/agents/{NO_AGENT}/memory/human/versions/none",
        404,
        "UNKNOWN_AGENT",
    ),
    Try(
        "POST /api/dispatch-agent",
        "/api/dispatch-agent",
        404,
        "UNKNOWN_AGENT",
        body={"room": NOBODY, "agent_id": NO_AGENT},
        note="no such agent",
    ),
    Try("GET /api/dispatch-agent", "/api/dispatch-agent", 200, check=_holds("ours", "others")),
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


def probes_of(document: Mapping[str, Any], client: Client) -> Iterator[Probe[ProbeAnswer]]:
    """A probe for each endpoint of an OpenAPI document, and for what must be refused. The page is
    left out: what it loads is followed by itself."""
    for attempt in tries(document):
        if attempt.of != "GET /debug":
            yield Probe(
                attempt.name,
                partial(attempt.ask, client),
                "endpoints",
                limit=attempt.limit + 1.0,
                expected=attempt.expected,
            )


def tries(document: Mapping[str, Any]) -> Iterator[Try]:
    """All requests for the endpoints of an OpenAPI document."""
    for path, methods in document.get("paths", {}).items():
        for method in methods:
            endpoint = f"{method.upper()} {path}"
            known = [attempt for attempt in TABLE if attempt.of == endpoint]
            yield from known or [_unknown(endpoint)]
    yield from GUARDS


def missing(document: Mapping[str, Any]) -> list[str]:
    """Endpoints that there should be, and are not."""
    listed = {
        f"{method.upper()} {path}"
        for path, methods in document.get("paths", {}).items()
        for method in methods
    }
    return [of for of in dict.fromkeys(attempt.of for attempt in TABLE) if of not in listed]


def _unknown(endpoint: str) -> Try:
    method, _, path = endpoint.partition(" ")
    path = re.sub(r"\{[^}]*\}", "none", path)
    if method == "GET":
        return Try(endpoint, path, 200)
    return Try(endpoint, path, 403, "ORIGIN_NOT_ALLOWED", headers=FOREIGN, note="foreign page")
