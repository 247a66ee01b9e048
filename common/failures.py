"""What kind of failure an exception of a provider is, whatever library raised it.

The library's own words differ; the verdicts need one word each: refused, dns, timeout, status,
rejected (401, 403), rate-limited (429), gone (404, 410), reset, empty, odd (an answer that is not
what was asked for), silent (sound that nobody can hear), other; and busy, when too many requests
of ours wait for it already (agent/provider_limiter.py).
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import aiohttp

KINDS_OF_STATUS = {401: "rejected", 403: "rejected", 429: "rate-limited", 404: "gone", 410: "gone"}
MAY_SET_RETRY_AFTER = (429, 503)  # statuses that may come with a Retry-After
BROKEN_OFF = ("RemoteProtocolError", "ReadError", "WriteError")  # of httpx, httpx2, httpcore …
EMPTY_WORDS = ("no audio frames", "empty response", "answered with nothing")


class Busy(Exception):
    """Too many requests of ours wait for a provider already."""


class NotYet(Exception):
    """A provider wants a longer pause than a caller has patience for: there was no other try."""

    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OddAnswer(Exception):
    """A provider answered what nobody can use, or refused.

    The text names its endpoint and quotes the answer; `kind` and `status` as of Failure.
    """

    def __init__(self, message: str, *, kind: str = "odd", status: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


@dataclass(frozen=True)
class Failure:
    """The kind, the HTTP status if there was one, and the seconds to wait if the provider said."""

    kind: str
    status: int | None = None
    retry_after: float | None = None

    @property
    def data(self) -> dict[str, str | float | None]:
        """As events carry it."""
        data: dict[str, str | float | None] = {"kind": self.kind, "status": self.status}
        return data if self.retry_after is None else {**data, "retry_after": self.retry_after}


OTHER = Failure("other")


def failure_of_status(status: int) -> Failure:
    return Failure(KINDS_OF_STATUS.get(status, "status"), status)


def failure(error: BaseException) -> Failure:
    """The most telling of an exception and its causes."""
    chain = list(_chain(error, set()))
    if any(isinstance(cause, Busy) for cause in chain):
        return Failure("busy")
    for cause in chain:
        if (status := _status(cause)) is not None:
            waits = map(_retry_after, chain) if status in MAY_SET_RETRY_AFTER else ()
            wait = next((round(seconds, 1) for seconds in waits if seconds is not None), None)
            return replace(failure_of_status(status), retry_after=wait)
    for kind in ("dns", "refused", "reset", "timeout", "empty"):
        if any(_is(kind, cause) for cause in chain):
            return Failure(kind)
    odd = next((cause for cause in chain if isinstance(cause, OddAnswer)), None)
    return OTHER if odd is None else Failure(odd.kind)


def words(error: BaseException) -> str:
    """What an exception says; of our own limiter of a provider, and of an odd answer, what it was
    about."""
    for cause in _chain(error, set()):
        if isinstance(cause, Busy | NotYet | OddAnswer):
            return str(cause)
    return str(error) or type(error).__name__


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After, which may also be a date; None without one that is."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _retry_after(error: BaseException) -> float | None:
    if isinstance(error, NotYet):
        return error.retry_after
    response = getattr(error, "response", error)
    headers = getattr(response, "headers", None)
    return retry_after_of(headers) if isinstance(headers, Mapping) else None


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
    for cause in inner:
        if cause is not None:
            yield from _chain(cause, seen)


def _status(error: BaseException) -> int | None:
    for name in ("status_code", "status"):
        status = getattr(error, name, None)
        if isinstance(status, int) and status >= 400:
            return status
    return None


def _is(kind: str, error: BaseException) -> bool:
    if isinstance(error, OddAnswer):
        return error.kind == kind  # its text quotes others, and proves nothing
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
