"""The composition: settings in, a running application out."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from common import logs
from common.letta.backend import Backend
from common.letta.connect import connect
from common.probe import Probe
from common.vitals import Vitals
from proxy.api.agents import Agents
from proxy.api.config import Config
from proxy.api.connections import Runner
from proxy.api.endpoint import BODY_MAX_BYTES, Endpoint
from proxy.api.errors import errors_as_json, request_id
from proxy.api.health import HealthEndpoints
from proxy.api.letta_proxy import LettaProxy
from proxy.api.metrics import Metrics
from proxy.api.openapi import OpenApi
from proxy.api.page import Page
from proxy.api.security import check_host, check_origin, check_user, protect
from proxy.api.tokens import Tokens
from proxy.api.webhooks import Webhooks
from proxy.bundle.endpoint import Bundle
from proxy.clients.letta import Letta
from proxy.clients.registration import Registration
from proxy.clients.sfu import Sfu
from proxy.dispatch.api import DispatchEndpoints
from proxy.dispatch.dispatcher import Dispatcher
from proxy.observer.observers import RoomObservers
from proxy.probes.connection import ConnectionTest
from proxy.probes.watch import SystemWatch
from proxy.settings import ProxySettings
from proxy.timeline.api import CallsApi, VerdictsApi
from proxy.timeline.ingest import EventIngest
from proxy.timeline.stream import EventStream
from proxy.timeline.timeline import Timeline
from proxy.timeline.write_queue import PROBE_NAME

log = logging.getLogger("proxy")
access_log = logging.getLogger("proxy.access")
VITALS = web.AppKey("vitals", Vitals)

SHUTDOWN_TIMEOUT_S = 1.0
"""How long a stopping proxy lets requests finish before it cuts them off."""

GONE = 499
"""Status in the log of a request whose caller went away before the answer was whole."""


class PortTaken(Exception):
    """The port cannot be listened on; the text says what to do."""


@dataclass(frozen=True)
class Parts:
    """What lives as long as the application."""

    sfu: Sfu
    dispatcher: Dispatcher
    observers: RoomObservers
    session: aiohttp.ClientSession
    letta: Backend
    system: SystemWatch
    timeline: Timeline
    vitals: Vitals
    endpoints: list[Endpoint]


def _compose(settings: ProxySettings) -> Parts:
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    sfu = Sfu(settings)
    registration = Registration(settings, session)
    vitals = Vitals()
    system = SystemWatch(settings, registration, vitals)
    timeline = Timeline(settings, lambda: system.health)
    system.on_change(timeline.note_system)
    system.add_probe(Probe(PROBE_NAME, timeline.ask))
    backend = connect(settings)
    letta = Letta(backend, session)
    dispatcher = Dispatcher(settings, sfu, registration, timeline)
    observers = RoomObservers(settings, sfu, timeline)
    openapi = OpenApi()
    nouns = (
        Page(settings),
        Config(settings),
        Tokens(settings, timeline),
        Agents(letta, settings.models_url),
        DispatchEndpoints(dispatcher, sfu, letta, timeline, settings),
        ConnectionTest(settings, sfu, session),
        HealthEndpoints(settings, system, registration),
        Webhooks(settings, dispatcher, timeline),
        LettaProxy(settings, session),
        EventIngest(settings, timeline),
        EventStream(timeline),
        VerdictsApi(timeline),
        CallsApi(settings, timeline),
        Bundle(settings, timeline, lambda: system.health),
        Metrics(timeline, lambda: system.health),
        openapi,
    )
    endpoints = [endpoint for noun in nouns for endpoint in noun.endpoints]
    openapi.describe(endpoints)
    return Parts(sfu, dispatcher, observers, session, backend, system, timeline, vitals, endpoints)


async def create_app(settings: ProxySettings) -> web.Application:
    """The application; to be made, run and cleaned up in the same loop."""
    parts = _compose(settings)
    app = web.Application(
        middlewares=[
            log_access,
            errors_as_json,
            *([check_user()] if settings.local_users == "mine" else []),
            check_host(settings),
            check_origin(settings),
        ],
        client_max_size=BODY_MAX_BYTES,
    )
    protect(app, settings)
    for endpoint in parts.endpoints:
        if endpoint.method == "GET":
            app.router.add_get(endpoint.path, endpoint.handler)  # HEAD as well
        else:
            app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)

    app[VITALS] = parts.vitals

    async def life(_: web.Application) -> AsyncIterator[None]:
        parts.system.start()
        parts.timeline.start()
        parts.observers.start()
        logging.getLogger().addHandler(parts.vitals)
        measuring = asyncio.create_task(parts.vitals.watch(), name="vitals of the proxy")
        yield
        measuring.cancel()
        logging.getLogger().removeHandler(parts.vitals)
        await parts.system.aclose()
        await parts.observers.aclose()
        await parts.dispatcher.aclose()
        await parts.timeline.aclose()
        await parts.sfu.aclose()
        await parts.letta.aclose()
        await parts.session.close()

    async def end_streams(_: web.Application) -> None:
        # They never end by themselves, and a stopping server waits for what is under way.
        parts.timeline.subscribers.close()

    app.cleanup_ctx.append(life)
    app.on_shutdown.append(end_streams)
    return app


@web.middleware
async def log_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line a request: DEBUG when all is well, WARNING when it failed. Never a query.

    A caller that goes away (a page is closed, a stream is left) is no failure: INFO.
    """
    started = time.perf_counter()
    logs.about(request.match_info.get("room", ""))  # anew: one task serves a whole connection
    if not request.path.startswith(("/health", "/metrics")):
        request.app[VITALS].active()
    status = GONE
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        # That something else is not ready is what /health is asked for, again and again.
        failed = status >= 400 and not request.path.startswith("/health")
        level = logging.WARNING if failed else logging.DEBUG
        access_log.log(
            logging.INFO if status == GONE else level,
            "%s %s %d %.1f ms (%s)",
            request.method,
            request.raw_path.partition("?")[0][:200],
            status,
            (time.perf_counter() - started) * 1000,
            request_id(request),
        )


async def start(settings: ProxySettings) -> web.AppRunner:
    """Listen on every loopback address of this machine; `cleanup()` of the result ends it."""
    runner = Runner(
        await create_app(settings),
        access_log=None,
        shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        # Nobody needs to send us packed bodies, and unpacking has no bounds.
        auto_decompress=False,
        # A browser that goes away during a stream must not keep Letta talking to nobody.
        handler_cancellation=True,
    )
    await runner.setup()
    try:
        for host in ("127.0.0.1", "::1"):
            if host == "127.0.0.1" or _has_ipv6():
                await web.TCPSite(runner, host, settings.proxy_port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(
            f"port {settings.proxy_port} is in use by another program, so the proxy cannot listen "
            "there; end that program, or set PROXY_PORT to a free port"
        ) from None
    return runner


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
