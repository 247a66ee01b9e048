"""The worker's status over HTTP: whether calls can come in.

`GET /` answers 200 `registered` only while the worker is registered with the LiveKit server, else
503 with a sentence. `GET /worker` answers the rest as JSON, `GET /metrics` is for Prometheus.
Loopback only.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass

from aiohttp import web

from agent.worker.metrics import CONTENT_TYPE, WorkerMetrics
from agent.worker.monitor import ProcessVitals

LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Job:
    """A call in progress; `since` in epoch seconds, now when it still waits for a process."""

    id: str
    room: str
    since: float


@dataclass(frozen=True)
class WorkerState:
    """What `GET /worker` answers; `registered_at` in epoch seconds, `load` 0 to 1, `version` of
    livekit-agents, `code` of ours (common/code_version.py); `timeline_error` is why its
    events cannot be delivered."""

    registered: bool
    agent_name: str
    worker_id: str | None
    registered_at: float | None
    livekit_url: str
    load: float
    jobs: list[Job]
    pid: int
    version: str
    code: str
    last_error: str | None
    stopping: bool
    processes: tuple[ProcessVitals, ...] = ()
    timeline_error: str | None = None
    timeline_error_since: float | None = None

    @property
    def sentence(self) -> str:
        if self.stopping:
            return "not registered: the worker is stopping"
        if self.registered:
            return "registered"
        reason = self.last_error or "the connection is being made"
        return f"not registered with the LiveKit server at {self.livekit_url}: {reason}"


class StatusPortTaken(Exception):
    """AGENT_PORT cannot be used."""


async def serve(
    read: Callable[[], WorkerState],
    metrics: WorkerMetrics,
    port: int,
    *,
    shared: asyncio.Event | None = None,
) -> web.AppRunner:
    """Serve what `read` returns on every loopback address; `cleanup()` of the result ends it.

    With `shared` another worker, which is about to retire, serves the port too; who asks this one
    waits for the event.
    """

    async def root(_: web.Request) -> web.Response:
        await _known(shared)
        status = read()
        return web.Response(status=200 if status.registered else 503, text=status.sentence)

    async def worker(_: web.Request) -> web.Response:
        await _known(shared)
        return web.json_response(asdict(read()))

    async def figures(_: web.Request) -> web.Response:
        return web.Response(
            body=await asyncio.to_thread(metrics.text), headers={"Content-Type": CONTENT_TYPE}
        )

    app = web.Application()
    app.add_routes([web.get("/", root), web.get("/worker", worker), web.get("/metrics", figures)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        for host in LOOPBACK:
            if host != LOOPBACK[0] and not _has_ipv6():
                continue
            if shared is None:
                _must_be_free(host, port)
            await web.TCPSite(runner, host, port, reuse_address=True, reuse_port=True).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise
        raise StatusPortTaken(
            f"port {port} is in use by another program, so the worker (pid {os.getpid()}) cannot "
            "serve its status; end that program, or set AGENT_PORT to a free port"
        ) from None
    return runner


async def _known(shared: asyncio.Event | None) -> None:
    if shared is not None:
        await shared.wait()


def _must_be_free(host: str, port: int) -> None:
    """Raise OSError when another program listens there: binding with SO_REUSEPORT would not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
