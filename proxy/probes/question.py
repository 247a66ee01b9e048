"""One free question to a service: does it answer, and does it take our key?

What went wrong becomes a code (`ProbeResult.problem`) and a sentence. The same question is asked
once for all who ask it at about the same time, and seldom of services that are not on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from common.redaction import Redactor
from proxy.clients.outside import FAILURES, in_words
from proxy.verdicts.system_health import ProbeResult

OWN_LIMIT_S = 1.4
OUTSIDE_LIMIT_S = 3.0
OWN_EVERY_S = 0.9
OWN_KEYS_EVERY_S = 3.9
"""Whether a key of ours is taken changes seldom, and costs the asked one more."""
OUTSIDE_EVERY_S = 15.0
OUTSIDE_AGAIN_S = 4.0
"""A service elsewhere that failed is asked again sooner, so that it is soon seen to be back."""
CLOCK_OFF_S = 30.0
SAID_MAX = 400
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN)


def new_session() -> aiohttp.ClientSession:
    """A session for questions: each has a connection of its own, since connecting is asked too."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar()
    )


def is_own(url: str) -> bool:
    """Whether `url` is on this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.endswith(".localhost") or host in ("127.0.0.1", "::1")


def shown(url: str) -> str:
    """`url` without what may be secret in it."""
    address = urlsplit(url)
    place = address.netloc.rpartition("@")[2]
    return address._replace(netloc=place, query="", fragment="").geturl()


class Questions:
    """Asks, and remembers the last answer to each question for a while."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        secrets: Sequence[str] = (),
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._session = session
        self._redactor = Redactor(secrets)
        self._busy = busy
        self._answers: dict[tuple[str, str], ProbeResult] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def ask(
        self, url: str, *, key: str = "", body: object = None, max_age: float | None = None
    ) -> ProbeResult:
        """GET `url` (POST when there is a `body`), with the bearer `key` when there is one."""
        question = (url, key if body is None else "")
        asked_at = time.time()
        lock = self._locks.setdefault(question, asyncio.Lock())
        async with lock:
            last = self._answers.get(question)
            if last is not None and asked_at - (last.at or 0.0) <= _age(last, url, max_age):
                return last
            answer = await self._ask(url, key, body)
            if answer.problem == "timeout" and is_own(url) and self._busy():
                # A machine without a free core is late with everything: that proves nothing yet.
                answer = await self._ask(url, key, body)
            self._answers[question] = answer
            return answer

    async def _ask(self, url: str, key: str, body: object) -> ProbeResult:
        target, limit = shown(url), OWN_LIMIT_S if is_own(url) else OUTSIDE_LIMIT_S
        began, at = time.monotonic(), time.time()

        def answer(problem: str, detail: str, status: int | None = None) -> ProbeResult:
            ms = round((time.monotonic() - began) * 1000, 1)
            return ProbeResult("", problem, detail, target, status, ms, at)

        try:
            host = urlsplit(url).hostname
        except ValueError as error:
            return answer("other", f"{target!r} is not an address: {error}")
        if not host or urlsplit(url).scheme not in ("http", "https"):
            return answer("other", f"{target!r} is not an address such as http://HOST:PORT")
        if trouble := await trouble_with_name(host, limit):
            return answer("dns", f"no answer from {target}: {trouble}")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with self._session.request(
                "GET" if body is None else "POST",
                url,
                json=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=limit, sock_connect=limit - 0.1),
            ) as response:
                body_text = (await response.content.read(4096)).decode(errors="replace")
                problem = problem_of_status(response.status, keyed=bool(key))
                if not problem:
                    return answer("", f"it answers at {target}", response.status)
                detail = self._status_detail(target, response, body_text)
                return answer(problem, detail, response.status)
        except FAILURES as error:
            return answer(problem_of(error), f"no answer from {target}: {_words(error, limit)}")
        except ValueError as error:  # what came back is not HTTP, or the address is none
            return answer("other", f"no answer from {target}: {error}")

    def _status_detail(self, target: str, response: aiohttp.ClientResponse, body_text: str) -> str:
        words = self._redactor.text(message_in(body_text))
        detail = f"{target} answered {response.status}" + (f": {words}" if words else "")
        if response.status in (401, 403) and (off := _clock_off(response)):
            detail += f" (the clock of this machine is {off} of that server's)"
        return detail


def _age(last: ProbeResult, url: str, max_age: float | None) -> float:
    """For how long the last answer stands for the next."""
    if is_own(url):
        return OWN_EVERY_S if max_age is None else max_age
    again = last.problem not in ("", "rejected", "rate-limited")
    return OUTSIDE_AGAIN_S if again else OUTSIDE_EVERY_S


def problem_of(error: BaseException) -> str:
    """The code of a request that failed with one of `FAILURES`."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "refused"
        return "timeout" if error.os_error.errno in NO_WAY else "other"
    return "timeout" if isinstance(error, asyncio.TimeoutError) else "other"


def _words(error: BaseException, limit: float) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {limit:g} s"
    if isinstance(error, asyncio.TimeoutError):
        return f"it took the connection, but did not answer within {limit:g} s"
    return in_words(error)


def problem_of_status(status: int, *, keyed: bool) -> str:
    """The code of an answer with this status; `keyed` when a key was shown to get it."""
    if status in (401, 403) and keyed:
        return "rejected"
    if status == 401:
        return "missing"
    if status == 429:
        return "rate-limited"
    return "status" if status >= 400 else ""


def message_in(body_text: str) -> str:
    """What an error answer says for people: the message of a JSON one, else its beginning."""
    try:
        message = json.loads(body_text)
    except ValueError:
        message = body_text
    for name in ("error", "message", "msg", "detail"):
        if isinstance(message, Mapping) and name in message:
            message = message[name]
    text = message if isinstance(message, str) else body_text
    return " ".join(text.split())[:SAID_MAX]


def _clock_off(response: aiohttp.ClientResponse) -> str:
    """By how much our clock differs from the server's, when that is enough to spoil a token."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return ""
    off = time.time() - theirs
    if abs(off) < CLOCK_OFF_S:
        return ""
    return f"{abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"


async def trouble_with_name(host: str, limit: float) -> str:
    """Why `host` cannot be looked up, in words; empty when it can."""
    if host == "localhost" or _is_address(host):
        return ""
    try:
        async with asyncio.timeout(limit):
            return await _looked_up(host)
    except TimeoutError:
        return f"the name {host!r} could not be looked up within {limit:g} s: DNS does not answer"


def _looked_up(host: str) -> asyncio.Future[str]:
    """The lookup in a thread that nobody has to wait for, not even the end of this process: a
    resolver without a network may think for half a minute."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[str] = loop.create_future()

    def settle(trouble: str) -> None:
        if not result.done():
            result.set_result(trouble)

    def look_up() -> None:
        trouble = ""
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            trouble = f"the name {host!r} is unknown (DNS: {reason})"
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, trouble)

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    return result


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
