"""Look a name up, and give up in time: a resolver without a network may think for half a minute."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading


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
    """The lookup in a thread that nobody has to wait for, not even the end of this process."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()

    def settle(trouble: str) -> None:
        if not found.done():
            found.set_result(trouble)

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
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
