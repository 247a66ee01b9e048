"""A socket that is in the way: it holds a port, takes connections, and says nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_listener(port: int = 0, *, within_s: float = 5.0) -> Iterator[int]:
    """Listens on `port` of loopback (0: any free one) and never answers; gives the port.

    Whoever connects is connected by the kernel, and waits. The port may still be held for a moment
    by a program that is just ending.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            listener = socket.create_server(("127.0.0.1", port), backlog=128)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
    with listener:
        yield int(listener.getsockname()[1])
