"""`/letta/…`: Letta's REST for pages that are allowed to use it, with the key added here.

Only the methods and paths of `ALLOWED` go through, both bodies are streamed, and what a browser
sends along of its own (cookies, Authorization) stays here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from pydantic import BaseModel, Field
from yarl import URL

from common.settings import revealed
from proxy.api.endpoint import Endpoint
from proxy.api.errors import ApiError
from proxy.clients.letta import HOW_TO_CHECK
from proxy.clients.outside import FAILURES, in_words
from proxy.settings import ProxySettings

log = logging.getLogger("proxy.letta")

PREFIX = "/letta"
CONVENTIONS = "X-Stainless-Package-Version"
"""Header of letta-client since 1.0. Without it an agent comes with all its relations: slowly, and
with the values of its tools' secrets."""
BODY_MAX_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 3.0
SILENCE_MAX_S = 120.0
"""Longest pause within an answer. Letta's streams carry pings, so this means that it hangs."""

_ID = r"[A-Za-z0-9_-]+"
ALLOWED: tuple[tuple[str, str], ...] = (
    ("GET", "/v1/health"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/embedding"),
    ("GET", "/v1/agents"),
    ("POST", "/v1/agents"),
    ("GET", "/v1/agents/ID"),
    ("PATCH", "/v1/agents/ID"),
    ("GET", "/v1/agents/ID/core-memory/blocks"),
    ("GET", "/v1/agents/ID/core-memory/blocks/ID"),
    ("PATCH", "/v1/agents/ID/core-memory/blocks/ID"),
    ("GET", "/v1/agents/ID/archival-memory"),
    ("GET", "/v1/agents/ID/messages"),
    ("POST", "/v1/agents/ID/messages"),
    ("POST", "/v1/agents/ID/messages/stream"),
    ("POST", "/v1/agents/ID/messages/cancel"),
    ("GET", "/v1/blocks"),
    ("GET", "/v1/blocks/ID"),
    ("PATCH", "/v1/blocks/ID"),
    ("GET", "/v1/conversations"),
    ("POST", "/v1/conversations"),
    ("GET", "/v1/conversations/ID"),
    ("GET", "/v1/conversations/ID/messages"),
    ("POST", "/v1/conversations/ID/messages"),
    ("POST", "/v1/conversations/ID/cancel"),
)
_ALLOWED = [(method, re.compile(path.replace("ID", _ID))) for method, path in ALLOWED]
_AGENT_STATE = re.compile(rf"/v1/agents(/{_ID})?")
_SECRET_FIELDS = ("secrets", "tool_exec_environment_variables")
_WITH_SLASH = re.compile(r"/v1/(health|models|agents|conversations|blocks)")
"""Collections: Letta redirects to the form that ends with a slash, which costs a request."""
_PLAIN_PATH = re.compile(rf"(/{_ID})+/?")

_REQUEST_HEADERS = (
    hdrs.ACCEPT,
    hdrs.ACCEPT_ENCODING,
    hdrs.ACCEPT_LANGUAGE,
    hdrs.CONTENT_ENCODING,
    hdrs.CONTENT_TYPE,
    "Last-Event-ID",
)
_ANSWER_HEADERS = (
    hdrs.CONTENT_TYPE,
    hdrs.CONTENT_ENCODING,
    hdrs.CONTENT_LENGTH,
    hdrs.CACHE_CONTROL,
    hdrs.ETAG,
    hdrs.LAST_MODIFIED,
    hdrs.RETRY_AFTER,
)


class LettaPath(BaseModel):
    """What stands behind `/letta/`."""

    path: str = Field(pattern=rf"^{_ID}(/{_ID})*/?$")


class LettaProxy:
    """Passes allowed requests on to one Letta server."""

    def __init__(self, settings: ProxySettings, session: aiohttp.ClientSession) -> None:
        self._base_url = settings.letta_base_url
        self._speaks_rest = settings.letta_backend == "v1"
        self._headers = {CONVENTIONS: "1.0.0"}
        if key := revealed(settings.letta_api_key):
            self._headers[hdrs.AUTHORIZATION] = f"Bearer {key}"
        self._session = session
        kept = "; ".join(f"{method} {path}" for method, path in ALLOWED)
        self.endpoints = [
            Endpoint(
                method,
                f"{PREFIX}/{{path:.*}}",
                self.forward,
                f"Letta's REST, streaming, the key added here. What goes through: {kept}.",
                "*/*",
                path_fields=LettaPath,
                passes_on="Letta",
                failures={
                    400: "The path is not a plain one (PATH_REFUSED).",
                    403: "Not among the methods and paths that go through (LETTA_PATH_REFUSED).",
                    413: f"The body has more than {BODY_MAX_BYTES} bytes.",
                    503: "Letta is away.",
                },
            )
            for method in ("GET", "POST", "PATCH")
        ]

    async def forward(self, request: web.Request) -> web.StreamResponse:
        if not self._speaks_rest:
            raise ApiError(
                403,
                "LETTA_PATH_REFUSED",
                "This Letta is an App Server, which has no REST. Its agents and their memory are "
                "at /api/agents; `letta` in .venv-letta talks with it from a terminal.",
            )
        path = _checked_path(request, self._base_url)
        agents = _AGENT_STATE.fullmatch(path) is not None
        headers = {
            name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers
        }
        if agents or hdrs.ACCEPT_ENCODING not in headers:
            headers[hdrs.ACCEPT_ENCODING] = "identity"
        headers.update(self._headers)
        body = _Body(request)
        try:
            upstream = await self._session.request(
                request.method,
                self._target(path, request),
                headers=headers,
                data=body.chunks() if request.can_read_body else None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_MAX_S
                ),
            )
        except FAILURES as error:
            # The client reports what goes wrong with our body as a failure of the connection.
            body.check()
            raise self._unreachable(error) from error
        try:
            answer = await (self._told(upstream) if agents else _passed_on(request, upstream))
        finally:
            # Also when the browser went away: Letta learns of it by its connection being closed.
            upstream.close()
        return answer

    def _unreachable(self, error: BaseException) -> ApiError:
        return ApiError(
            503,
            "LETTA_UNREACHABLE",
            f"Letta cannot be reached at {self._base_url}: {in_words(error)}. {HOW_TO_CHECK}",
        )

    def _target(self, path: str, request: web.Request) -> URL:
        query = request.raw_path.partition("?")[2]
        slash = "/" if _WITH_SLASH.fullmatch(path) else ""
        target = self._base_url + path + slash
        return URL(f"{target}?{query}" if query else target, encoded=True)

    async def _told(self, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        """An answer that consists of agents: read as a whole, since agents can hold secrets."""
        try:
            body = await upstream.read()
        except FAILURES as error:
            raise self._unreachable(error) from error
        headers = _headers_of(upstream)
        headers.pop(hdrs.CONTENT_LENGTH, None)
        return web.Response(body=_without_secrets(body), status=upstream.status, headers=headers)


def _checked_path(request: web.Request, base_url: str) -> str:
    """Letta's path of `request`; `ApiError` when it may not go there.

    What could run code (tools), or is lost for good (delete), is for Letta's own port.
    """
    raw_path = request.raw_path.partition("?")[0]
    path = raw_path.removeprefix(PREFIX)
    if not _PLAIN_PATH.fullmatch(path):
        raise ApiError(
            400,
            "PATH_REFUSED",
            f"The path {raw_path[:200]!r} is not a plain one. Only letters, digits, '-', '_' and "
            "single slashes go through to Letta.",
        )
    path = path.rstrip("/")
    if not any(request.method == method and known.fullmatch(path) for method, known in _ALLOWED):
        raise ApiError(
            403,
            "LETTA_PATH_REFUSED",
            f"{request.method} {path} does not go through to Letta from a page. Ask Letta itself: "
            f"curl -X {request.method} {base_url}{path}; GET /api/openapi.json lists what does.",
        )
    return path


async def _passed_on(request: web.Request, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    """The answer of `upstream`, piece by piece as it comes."""
    response = web.StreamResponse(
        status=upstream.status, reason=upstream.reason, headers=_headers_of(upstream)
    )
    await response.prepare(request)
    try:
        async for chunk in upstream.content.iter_any():
            await response.write(chunk)
    except FAILURES as error:
        # The head of the answer is out: all that is left is to end it visibly cut off.
        if request.transport is not None:
            log.warning("Letta's answer to %s broke off: %r", request.raw_path[:200], error)
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _headers_of(upstream: aiohttp.ClientResponse) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name, upstream.headers[name]) for name in _ANSWER_HEADERS if name in upstream.headers
    )
    if hdrs.LOCATION in upstream.headers:
        location = urlsplit(upstream.headers[hdrs.LOCATION])
        headers[hdrs.LOCATION] = PREFIX + location._replace(scheme="", netloc="").geturl()
    return headers


def _without_secrets(body: bytes) -> bytes:
    """Agents as Letta tells them, without the values of their tools' secrets."""
    try:
        told = json.loads(body)
    except ValueError:
        return body  # not agents, but a page of an error
    for agent in told if isinstance(told, list) else [told]:
        if isinstance(agent, dict):
            agent.update({field: [] for field in _SECRET_FIELDS if field in agent})
    return json.dumps(told).encode()


class _Body:
    """The body of a request as it comes in, up to the limit."""

    def __init__(self, request: web.Request) -> None:
        self._content = request.content
        self._size = request.content_length or 0
        self._broken: web.RequestPayloadError | None = None
        self.check()

    async def chunks(self) -> AsyncIterator[bytes]:
        self._size = 0
        try:
            async for chunk in self._content.iter_any():
                self._size += len(chunk)
                self.check()
                yield chunk
        except web.RequestPayloadError as error:
            self._broken = error
            raise

    def check(self) -> None:
        """Raise the `ApiError` of a body that cannot be passed on."""
        if self._broken is not None:
            raise ApiError(400, "BAD_REQUEST", f"The body cannot be read: {self._broken}.")
        if self._size > BODY_MAX_BYTES:
            raise ApiError(
                413,
                "BODY_TOO_LARGE",
                f"The body has more than {BODY_MAX_BYTES} bytes; Letta is not asked.",
            )
