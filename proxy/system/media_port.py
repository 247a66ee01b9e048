"""The port of our own LiveKit server for sound over TCP: the way of a page that cannot use UDP.

A page that can use UDP never tries it, so no page would say that it is closed.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from proxy import status_files
from proxy.settings import ProxySettings
from proxy.verdicts.health import Probe

NAME = "media over TCP"
TIMEOUT_S = 1.0


async def tcp(settings: ProxySettings) -> Probe | None:
    """Whether it can be connected to; None when the server is not ours, or not ready."""
    folder = settings.process_status_dir
    file = status_files.read(folder, "livekit") if folder is not None else None
    if file is None or file.state != "ready":
        return None
    host = urlsplit(settings.livekit_url).hostname or "localhost"
    port, began = settings.livekit_tcp_port, time.monotonic()
    target = f"{host}:{port}"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Probe(NAME, "timeout", f"no answer within {TIMEOUT_S:g} s", target, at=time.time())
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        problem = "refused" if refused else "other"
        return Probe(NAME, problem, error.strerror or str(error), target, at=time.time())
    writer.close()
    ms = round((time.monotonic() - began) * 1000, 1)
    return Probe(NAME, target=target, ms=ms, at=time.time())
