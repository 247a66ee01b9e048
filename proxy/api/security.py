"""Who may ask, and what a browser may do with the answer: Host, Origin, CORS and the headers.

The page and the API are for programs on this machine and for the page itself. A website that a
person visits can make their browser send requests to localhost: the check of Host stops one that
points its own name at 127.0.0.1, the check of Origin stops the others.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from common.local_peer import is_stranger
from proxy.api.errors import HEADER, ApiError, request_id
from proxy.settings import ProxySettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOR_EVERYBODY = ("/healthz",)
PREFLIGHT_MAX_AGE_S = 600
ALLOWED_METHODS = "GET, POST, PATCH, DELETE"
ALLOWED_HEADERS = "Authorization, Content-Type, Last-Event-ID, X-Request-Id"
POLICY_OF_ANSWERS = "default-src 'none'; frame-ancestors 'none'; sandbox"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), autoplay=(self), camera=(), geolocation=(), "
    "display-capture=(), payment=(), usb=()",
}
_IMPORT_MAP = re.compile(
    r"<script\b[^>]*\btype\s*=\s*[\"']?importmap[\"']?[^>]*>(.*?)</script>", re.DOTALL | re.I
)


def check_host(settings: ProxySettings) -> Middleware:
    """Answer only requests that were addressed to us by a name that is ours."""
    hosts = settings.hosts

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get(hdrs.HOST, "")
        if len(request.headers.getall(hdrs.HOST, ())) != 1 or host.lower() not in hosts:
            raise ApiError(
                403,
                "HOST_NOT_ALLOWED",
                f"This server is not {host[:200]!r}. Open http://localhost:{settings.proxy_port}"
                "/debug, or list the name in PROXY_ALLOWED_HOSTS.",
            )
        return await handler(request)

    return middleware


def check_origin(settings: ProxySettings) -> Middleware:
    """Let only listed pages change anything, and answer the browsers' question who may."""
    origins = settings.origins

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        allowed = origin is not None and origin.lower() in origins
        asks_first = (
            request.method == "OPTIONS" and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )
        if origin is not None and not allowed and (asks_first or _changes(request)):
            raise _refusal(origin)
        if asks_first and allowed:
            return web.Response(
                status=204,
                headers={
                    hdrs.ACCESS_CONTROL_ALLOW_METHODS: ALLOWED_METHODS,
                    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ALLOWED_HEADERS,
                    hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_MAX_AGE_S),
                },
            )
        # Some requests of a foreign page carry no Origin, but browsers say where they come from.
        site = request.headers.get("Sec-Fetch-Site", "none")
        if origin is None and _changes(request) and site in ("cross-site", "same-site"):
            raise _refusal(site)
        return await handler(request)

    return middleware


def check_user() -> Middleware:
    """Answer only programs of our own user, when they are on this machine."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        asks = transport is not None and request.path not in FOR_EVERYBODY
        if asks and is_stranger(transport):
            raise ApiError(
                403,
                "USER_NOT_ALLOWED",
                "This system belongs to another user of this machine, who can open it to you with "
                "LOCAL_USERS=all.",
            )
        return await handler(request)

    return middleware


def _changes(request: web.Request) -> bool:
    return request.method not in SAFE_METHODS


def _refusal(origin: str) -> ApiError:
    return ApiError(
        403,
        "ORIGIN_NOT_ALLOWED",
        f"A page of {origin[:200]!r} may not use this API. List its origin in "
        "PROXY_ALLOWED_ORIGINS if it should.",
    )


def protect(app: web.Application, settings: ProxySettings) -> None:
    """Give every answer of `app`, streams and errors included, the headers a browser obeys."""
    origins = settings.origins

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        set_headers(request, response)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin.lower() in origins:
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = f"{HEADER}, Retry-After"

    app.on_response_prepare.append(on_prepare)


def set_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Give `response` the request id, and what a browser must never do with any answer."""
    headers = response.headers
    for name, value in _HEADERS.items():
        headers[name] = value
    headers[HEADER] = request_id(request)
    headers.setdefault("Content-Security-Policy", POLICY_OF_ANSWERS)
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers[hdrs.VARY] = "Origin"


def page_policy(html: str, livekit_url: str) -> str:
    """Content-Security-Policy of the page `html`, which talks to us and to `livekit_url`.

    An import map can only stand in the page itself: it is allowed by the hash of its text.
    """
    digests = (hashlib.sha256(found.encode()).digest() for found in _IMPORT_MAP.findall(html))
    maps = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *maps],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'", "blob:", "mediastream:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'", *_livekit_sources(livekit_url)],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def _livekit_sources(livekit_url: str) -> list[str]:
    address = urlsplit(livekit_url)
    host = address.hostname or ""
    port = f":{address.port}" if address.port else ""
    schemes = ("wss", "https") if address.scheme in ("wss", "https") else ("ws", "http")
    hosts = [host]
    if host in ("localhost", "127.0.0.1"):
        hosts = ["localhost", "127.0.0.1"]
    elif host.endswith(".livekit.cloud"):
        # Its client is sent on to the servers of a region.
        hosts.append("*.livekit.cloud")
    elif ":" in host:
        # The policy's language has no IPv6 addresses.
        return [f"{scheme}:" for scheme in schemes]
    return [f"{scheme}://{host}{port}" for host in hosts for scheme in schemes]
