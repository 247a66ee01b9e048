"""What kind of failure an exception of a provider is, whatever library raised it.

The library's own words differ; the verdicts need one word each: refused, dns, timeout, status,
rejected (401, 403), rate-limited (429), gone (404, 410), reset, empty, other.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp

KINDS_OF_STATUS = {401: "rejected", 403: "rejected", 429: "rate-limited", 404: "gone", 410: "gone"}
BROKEN_OFF = ("RemoteProtocolError", "ReadError", "WriteError")  # of httpx, httpx2, httpcore …
EMPTY_WORDS = ("no audio frames", "empty response", "answered with nothing")


@dataclass(frozen=True)
class Failure:
    """The kind, and the HTTP status if there was one."""

    kind: str
    status: int | None = None

    @property
    def data(self) -> dict[str, str | int | None]:
        """As events carry it."""
        return {"kind": self.kind, "status": self.status}


OTHER = Failure("other")


def failure_of_status(status: int) -> Failure:
    return Failure(KINDS_OF_STATUS.get(status, "status"), status)


def failure(error: BaseException) -> Failure:
    """The most telling of an exception and its causes."""
    chain = list(_chain(error, set()))
    for one in chain:
        if (status := _status(one)) is not None:
            return failure_of_status(status)
    for kind in ("dns", "refused", "reset", "timeout", "empty"):
        if any(_is(kind, one) for one in chain):
            return Failure(kind)
    return OTHER


def _chain(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    inner: list[BaseException | None] = [error.__cause__, error.__context__]
    if isinstance(error, BaseExceptionGroup):
        inner += error.exceptions
    if isinstance(error, aiohttp.ClientConnectorError):
        inner.append(error.os_error)
    for one in inner:
        if one is not None:
            yield from _chain(one, seen)


def _status(error: BaseException) -> int | None:
    for name in ("status_code", "status"):
        status = getattr(error, name, None)
        if isinstance(status, int) and status >= 400:
            return status
    return None


def _is(kind: str, error: BaseException) -> bool:
    if kind == "dns":
        return isinstance(error, socket.gaierror | aiohttp.ClientConnectorDNSError)
    if kind == "refused":
        return isinstance(error, ConnectionRefusedError)
    if kind == "reset":
        return (
            isinstance(
                error,
                ConnectionResetError
                | BrokenPipeError
                | aiohttp.ServerDisconnectedError
                | aiohttp.ClientPayloadError,
            )
            or type(error).__name__ in BROKEN_OFF
        )
    if kind == "timeout":
        # The libraries' own timeouts do not all derive from the builtin one.
        return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
    return any(words in str(error).lower() for words in EMPTY_WORDS)
