"""The worker: registers with the LiveKit server, takes jobs, serves its status, ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from aiohttp import web
from livekit.agents.version import __version__ as agents_version

from agent.settings import AgentSettings
from agent.timeline.delivery import DeliveryThread
from agent.timeline.job_book import JobBook, report_orphans
from agent.timeline.spool import size_of, spooled
from agent.worker import forkserver, status, takeover
from agent.worker.metrics import WorkerMetrics
from agent.worker.monitor import Monitor
from agent.worker.server import make_server
from agent.worker.status import Job
from agent.worker.takeover import ReplacedWorker

if TYPE_CHECKING:
    from agent.worker.tracing import Traces

logger = logging.getLogger("agent.worker")

PUBLISH_EVERY = 0.1  # seconds
LAST_EVENTS_TIMEOUT = 0.3  # seconds for what calls told last; the rest waits for the next worker


class AgentWorker:
    """One AgentServer and its status."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._spool = Path(settings.agent_spool_dir) if settings.has_timeline else None
        self._book = JobBook(self._spool, settings.livekit_url)
        self._metrics = WorkerMetrics()
        self._traces = traces_to(settings.otel_exporter_otlp_endpoint)
        self._delivery = DeliveryThread(settings, self._count)
        self._server = make_server(settings, self._book, self._metrics.init_timed_out)
        self._monitor = Monitor(self._server, settings.agent_memory_limit_mb, self._outgrown)
        self._measure()
        self._folder = Path(settings.agent_spool_dir)
        self._stopping, self._retiring = asyncio.Event(), asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, or after SIGUSR1 until the last call has ended.

        Raises `forkserver.Gone` when no more job processes can be made: another worker is needed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGUSR1, self._retiring.set)
        if (replaced := ReplacedWorker.named(self._folder)) is not None:
            await takeover.check_code()
        else:
            await self._open()
            self._begin_delivery()
        serving = asyncio.create_task(self._server.run(devmode=False), name="agent server")
        monitoring = asyncio.create_task(self._monitor.run(), name="monitor")
        crippled = asyncio.create_task(forkserver.watch(), name="watch the forkserver")
        stopping = asyncio.create_task(self._stopping.wait())
        retiring = asyncio.create_task(self._retiring.wait())
        try:
            if replaced is not None:
                taking_over = asyncio.create_task(self._take_over(replaced))
                await _first(serving, stopping, taking_over)
            await _first(serving, crippled, stopping, retiring)
            if retiring.done() and not stopping.done():
                await self._retire(stopping)
            if serving.done():
                await serving
            else:
                await self._stop(serving)
            if crippled.done() and not stopping.done():
                crippled.result()
        finally:
            crippled.cancel()
            stopping.cancel()
            retiring.cancel()
            monitoring.cancel()
            self._book.close()
            await self._delivery.stop(LAST_EVENTS_TIMEOUT)
            if self._traces is not None:
                await asyncio.to_thread(self._traces.close)
            await self._close()

    async def _open(self, shared: asyncio.Event | None = None) -> None:
        port = self._settings.agent_port
        self._runner = await status.serve(self.status, self._metrics, port, shared=shared)

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take_over(self, replaced: ReplacedWorker) -> None:
        """Take the status port over, as soon as calls can come here."""
        await self._server.wait_until_registered()
        shared = asyncio.Event()
        await self._open(shared)
        await replaced.retire()
        shared.set()
        await replaced.delivers_no_more()
        self._begin_delivery()

    async def _retire(self, stopping: asyncio.Task[Any]) -> None:
        """Another worker has taken over: take no more calls, wait for the end of those there are.

        The other worker delivers their events, from the same spool.
        """
        logger.info("retiring: %s calls in progress go on here", len(self._server.jobs))
        retired = takeover.RetiredWorker(self._folder)
        retired.publish(self._calls(), delivers=True)
        draining = asyncio.create_task(self._server.drain(timeout=None))
        await self._delivery.stop(LAST_EVENTS_TIMEOUT)
        retired.publish(self._calls(), delivers=False)
        await self._close()
        while not draining.done() and not stopping.done():
            await asyncio.wait({draining, stopping}, timeout=PUBLISH_EVERY)
            retired.publish(self._calls(), delivers=False)
        draining.cancel()
        retired.close()

    def _outgrown(self, why: str) -> None:
        """Have another worker in the place of this one; no call goes on here.

        A launcher starts it beside this one. Where there is none, this one ends as soon as what is
        assigned meanwhile has ended too, and whoever started it starts it again.
        """
        if takeover.request_replacement(why):
            logger.warning("this worker is to be replaced: %s", why)
        else:
            logger.warning("this worker ends, to be started again: %s", why)
            self._retiring.set()

    def _count(self, event: dict[str, Any]) -> None:
        """An event of a call, once."""
        self._metrics.observe(event)
        self._monitor.observe(event)
        if self._traces is not None:
            self._traces.observe(event)

    def _measure(self) -> None:
        """Add the figures that are not counted from events but read at each request."""
        self._metrics.gauge(
            "voice_worker_registered",
            "1 while the worker is registered with the LiveKit server, else 0.",
            lambda: float(self._server.registration.registered),
        )
        self._metrics.gauge(
            "voice_calls_open", "Calls in progress.", lambda: float(len(self._server.jobs))
        )
        self._monitor.export(self._metrics.gauge)
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
            self._delivery.start()

    def status(self) -> status.WorkerState:
        registration = self._server.registration
        own = self._calls()
        stopping = self._stopping.is_set()
        error, since = self._delivery.trouble or (None, None)
        return status.WorkerState(
            registered=registration.registered and not stopping,
            agent_name=self._settings.livekit_agent_name,
            worker_id=registration.worker_id,
            registered_at=registration.registered_at,
            livekit_url=self._settings.livekit_url,
            load=round(len(own) / self._settings.agent_max_jobs, 3),
            jobs=[*own, *takeover.calls_of_retired(self._folder)],
            pid=os.getpid(),
            version=agents_version,
            code=self._book.code,
            last_error=registration.last_error,
            stopping=stopping,
            processes=self._monitor.processes,
            timeline_error=error,
            timeline_error_since=since,
        )

    def _calls(self) -> list[Job]:
        running = [
            Job(info.job.id, info.job.room.name, info.launched_at) for info in self._server.jobs
        ]
        running_ids = {job.id for job in running}
        # Those that wait for a process have not begun, however long they wait.
        return running + [
            Job(job_id, room, time.time())
            for job_id, room in self._server.waiting.items()
            if job_id not in running_ids
        ]

    async def _stop(self, serving: asyncio.Task[None]) -> None:
        """Take no more calls, give the ones there are a moment, then end them."""
        began = time.monotonic()
        self._book.stopping = True
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


async def _first(*tasks: asyncio.Task[Any]) -> None:
    """Wait until one of them has ended; the last is cancelled when it is not that one."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if tasks[-1].done():
        tasks[-1].result()
    else:
        tasks[-1].cancel()


def traces_to(endpoint: str | None) -> Traces | None:
    """The sender of traces; None without an endpoint, and then its library is not imported."""
    if endpoint is None:
        return None
    from agent.worker.tracing import Traces, otlp

    return Traces(otlp(endpoint), "voice-agent")
