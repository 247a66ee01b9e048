"""An address in the evidence of a failure that is not the one that was meant. Standard library
only.

With HTTP_PROXY, HTTPS_PROXY or ALL_PROXY exported a client may ask that proxy instead of the server
it was told; its error then names the proxy, and neither the server's address nor its key is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WSS_PROXY", "WS_PROXY")
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
URL = re.compile(r"\b(?:https?|wss?)://[^\s'\"<>,;)\]}]+", re.IGNORECASE)
PLACE = re.compile(
    r"\b(?:host|to|via|proxy)\s+(?P<host>[\w.:\[\]-]+):(?P<port>\d{1,5})\b",
    re.IGNORECASE,
)
"""`Cannot connect to host 127.0.0.1:3128`"""
PAIR = re.compile(r"\('(?P<host>[^']+)', (?P<port>\d{1,5})\b")
"""`Connect call failed ('127.0.0.1', 3128)`"""


@dataclass(frozen=True)
class Detour:
    """Where something went instead of to the address `meant`: `address` is HOST:PORT, `variable`
    the environment variable that names it, empty when none of this process does."""

    meant: str
    address: str
    variable: str = ""

    @property
    def sentence(self) -> str:
        """Without the final stop."""
        why = "perhaps a network proxy (HTTP_PROXY, HTTPS_PROXY)"
        if self.variable:
            why = f"to which {self.variable} sends it"
        return f"it asked {self.address}, {why}, and not {self.meant}"

    @property
    def next(self) -> str:
        """What to do so that the right address is asked, without the final stop."""
        place = place_of(self.meant)
        host = place[0] if place is not None else self.meant
        unset = f"Unset {self.variable}" if self.variable else "Unset HTTP_PROXY and HTTPS_PROXY"
        exempt = "" if _same(host) == "localhost" else f", or add {host} to NO_PROXY,"
        return f"{unset}{exempt} where the worker is started"


def detour(evidence: str, meant: str, environ: Mapping[str, str]) -> Detour | None:
    """Where `evidence`, the text of an error, says that something went, when that is not the
    address `meant`; None when it names no other address."""
    right = place_of(meant)
    if right is None:
        return None
    proxies = {
        (_same(place[0]), place[1]): name
        for variable in PROXIES
        for name in (variable.lower(), variable)
        if (place := place_of(environ.get(name, ""))) is not None
    }
    for host, port in places_in(evidence):
        if (_same(host), port) == (_same(right[0]), right[1]):
            continue
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if (variable := proxies.get((_same(host), port))) is not None:
            return Detour(meant, shown, variable)
        # Another host with the same port may be the same server: a name that was looked up.
        if port != right[1]:
            return Detour(meant, shown)
    return None


def places_in(text: str) -> Iterator[tuple[str, int]]:
    """The hosts and ports that a text names."""
    for url in URL.findall(text):
        if (place := place_of(url)) is not None:
            yield place
    for pattern in (PLACE, PAIR):
        for match in pattern.finditer(URL.sub(" ", text)):
            if 0 < int(match["port"]) < 65536:
                yield match["host"].strip("[]"), int(match["port"])


def place_of(url: str) -> tuple[str, int] | None:
    """Host and port of an address, `host:port` without a scheme included; None when it is none."""
    if not url:
        return None
    try:
        address = urlsplit(url if "://" in url else f"http://{url}")
        port = address.port or PORTS.get(address.scheme)
    except ValueError:
        return None
    return (address.hostname, port) if address.hostname and port else None


def _same(host: str) -> str:
    """One word for this machine."""
    return "localhost" if host in ("127.0.0.1", "::1") else host.lower()
