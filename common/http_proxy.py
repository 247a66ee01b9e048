"""Which addresses are asked directly when HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is set: this
machine, and what NO_PROXY names. Standard library only.

Programs that a launcher starts find loopback in NO_PROXY. That is enough for httpx (Letta, OpenAI)
and urllib; aiohttp asks no proxy by itself. Two parts of LiveKit look at no NO_PROXY, so they are
told here: livekit-agents' worker takes `http_proxy` as an option, and the native SDK reads the
environment of the C library.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY = ("NO_PROXY", "no_proxy")
LOOPBACK = ("localhost", ".localhost", "127.0.0.1", "::1")


def with_loopback(environ: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY and no_proxy: what either names in `environ`, and loopback; empty without a
    proxy."""
    if not any(environ.get(name) or environ.get(name.lower()) for name in PROXIES):
        return {}
    # Most clients look at one of the two only, so both get everything.
    hosts = [*_exempt(environ), *LOOPBACK]
    return dict.fromkeys(NO_PROXY, ",".join(dict.fromkeys(hosts)))


def is_direct(url: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether `url` is asked without a proxy: it is on this machine, or NO_PROXY names it."""
    try:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port
    except ValueError:
        return False
    if _is_loopback(host):
        return True
    exempt = {"no": ",".join(_exempt(os.environ if environ is None else environ))}
    return bool(proxy_bypass_environment(f"{host}:{port}" if port else host, exempt))


def hide_from_native_code(url: str) -> None:
    """Hide the proxy variables from libraries that are not Python, before this process joins a room
    of the LiveKit server `url`, when that is asked directly. Python code sees them still."""
    if is_direct(url):
        for name in PROXIES:
            os.unsetenv(name)
            os.unsetenv(name.lower())


def _exempt(environ: Mapping[str, str]) -> list[str]:
    names = ",".join(environ.get(name, "") for name in NO_PROXY).split(",")
    return [name.strip() for name in names if name.strip()]


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
