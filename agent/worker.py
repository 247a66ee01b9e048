"""The worker: registers with the LiveKit server, takes jobs, tells its status, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from livekit.agents import AssignmentTimeoutError, JobRequest
from livekit.agents.version import __version__ as agents_version

from agent import entry, forkserver, status
from agent.metrics import Metrics
from agent.registration import WatchedServer
from agent.settings import AgentSettings
from agent.timeline.courier import Courier
from agent.timeline.jobs import JobBook, report_orphans
from agent.timeline.spool import size_of, spooled

if TYPE_CHECKING:
    from agent.tracing import Traces

logger = logging.getLogger("agent.worker")

FOREVER = 10**9  # tries to register: a LiveKit server that is away comes back
LAST_EVENTS_TIMEOUT = 0.3  # seconds for what calls told last; the rest waits for the next worker
OWN_HTTP_PORT = 0  # the framework's own status page, which says OK before it is registered


class Worker:
    """One AgentServer and its status."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._spool = Path(settings.agent_spool_dir) if settings.has_timeline else None
        self._book = JobBook(self._spool)
        self._metrics = Metrics()
        self._traces = traces_to(settings.otel_exporter_otlp_endpoint)
        self._courier = Courier(settings, self._count)
        self._server = make_server(settings, self._book)
        self._server.init_timed_out = self._metrics.init_timed_out
        self._measure()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        runner = await status.serve(self.status, self._metrics, self._settings.agent_port)
        self._begin_delivery()
        serving = asyncio.create_task(self._server.run(devmode=False), name="agent server")
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            else:
                await self._stop(serving)
        finally:
            stopping.cancel()
            self._book.close()
            await self._courier.stop(LAST_EVENTS_TIMEOUT)
            if self._traces is not None:
                await asyncio.to_thread(self._traces.close)
            await runner.cleanup()

    def _count(self, event: dict[str, Any]) -> None:
        """An event of a call, once."""
        self._metrics.observe(event)
        if self._traces is not None:
            self._traces.observe(event)

    def _measure(self) -> None:
        """What is not counted from events but read when somebody asks."""
        self._metrics.gauge(
            "voice_worker_registered",
            "1 while the worker is registered with the LiveKit server, else 0.",
            lambda: float(self._server.registration.registered),
        )
        self._metrics.gauge(
            "voice_calls_open", "Calls in progress.", lambda: float(len(self._server.jobs))
        )
        if (folder := self._spool) is not None:
            self._metrics.gauge(
                "voice_spool_bytes",
                "Events on this machine that the timeline may not have yet.",
                lambda: float(sum(map(size_of, spooled(folder)))),
            )
        self._metrics.watch_processes()

    def _begin_delivery(self) -> None:
        if self._spool is not None:
            try:
                report_orphans(self._spool)
            except OSError as error:
                logger.error("AGENT_SPOOL_DIR (%s) cannot be used: %s", self._spool, error)
            self._courier.start()

    def status(self) -> status.WorkerStatus:
        registration = self._server.registration
        jobs = [
            status.Job(one.job.id, one.job.room.name, one.launched_at) for one in self._server.jobs
        ]
        stopping = self._stopping.is_set()
        return status.WorkerStatus(
            registered=registration.registered and not stopping,
            agent_name=self._settings.livekit_agent_name,
            worker_id=registration.worker_id,
            registered_at=registration.registered_at,
            livekit_url=self._settings.livekit_url,
            load=round(len(jobs) / self._settings.agent_max_jobs, 3),
            jobs=jobs,
            pid=os.getpid(),
            version=agents_version,
            last_error=registration.last_error,
            stopping=stopping,
        )

    async def _stop(self, serving: asyncio.Task[None]) -> None:
        """Take no more calls, give the ones there are a moment, then end them."""
        began = time.monotonic()
        limit = self._settings.agent_stop_timeout
        logger.info("stopping: %s calls in progress", len(self._server.jobs))
        ending = asyncio.create_task(self._end_calls(), name="end the calls")
        await asyncio.wait({ending}, timeout=limit)
        if not ending.done():
            logger.warning("calls did not end within %s s and are ended by force", limit)
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            ending.cancel()
            serving.cancel()
        results = await asyncio.gather(ending, serving, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                logger.error("stopping was not clean", exc_info=error)
        logger.info("stopped after %.1f s", time.monotonic() - began)

    async def _end_calls(self) -> None:
        if self._server.jobs and self._settings.agent_drain_timeout > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._server.drain(timeout=None), self._settings.agent_drain_timeout
                )
        await self._server.aclose()


def traces_to(endpoint: str | None) -> Traces | None:
    """What makes traces of calls; imported only where somebody wants them."""
    if endpoint is None:
        return None
    from agent.tracing import Traces, otlp

    return Traces(otlp(endpoint), "voice-agent")


def make_server(settings: AgentSettings, book: JobBook) -> WatchedServer:
    server = WatchedServer(
        ws_url=settings.livekit_url,
        api_key=settings.livekit_api_key,
        api_secret=settings.livekit_api_secret,
        host=status.LOOPBACK[0],
        port=OWN_HTTP_PORT,
        num_idle_processes=settings.agent_idle_processes,
        shutdown_process_timeout=settings.agent_job_stop_timeout,
        initialize_process_timeout=settings.agent_start_timeout,
        drain_timeout=math.ceil(settings.agent_drain_timeout),
        max_retry=FOREVER,
        # The framework's estimate refuses calls that begin at the same moment; `request` counts.
        load_threshold=math.inf,
        load_fnc=functools.partial(load_of, most=settings.agent_max_jobs),
        setup_fnc=entry.prepare,
        preload_modules=[forkserver.PRELOADED],
        log_level=settings.log_level,
    )

    server.process_ended = book.process_ended

    async def on_request(req: JobRequest) -> None:
        await request(req, server, settings.agent_max_jobs, book)

    server.rtc_session(
        entry.entrypoint, agent_name=settings.livekit_agent_name, on_request=on_request
    )
    return server


async def request(req: JobRequest, server: WatchedServer, most: int, book: JobBook) -> None:
    """Take a job, unless the worker has as many as it may."""
    logger.info("Job request received for room: %s", req.room.name)
    jobs = len(server.jobs)
    if jobs >= most:
        logger.warning("Job refused: there are %s calls already (AGENT_MAX_JOBS is %s)", jobs, most)
        book.refused(req, f"there are {jobs} calls already (AGENT_MAX_JOBS is {most})")
        await req.reject()
        return
    book.accepted(req, server.registration.worker_id)
    try:
        await req.accept(name="Agent")
    except AssignmentTimeoutError:
        book.refused(req, "the LiveKit server did not assign it to this worker")
        raise
    except Exception as error:
        book.refused(req, f"no process could be started for it ({error})")
        raise
    logger.info("Job accepted: %s in room %s", req.id, req.room.name)


SERVER_LIMIT = 0.7  # livekit-server gives a worker that reports this load no more jobs


def load_of(server: WatchedServer, most: int) -> float:
    """The load told to the LiveKit server: calls, not CPU, which jumps at each start."""
    return SERVER_LIMIT * len(server.jobs) / most
