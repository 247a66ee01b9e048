"""The AgentServer of the worker: what it is made of, and which jobs it takes."""

from __future__ import annotations

import functools
import logging
import math

from livekit.agents import NOT_GIVEN, AssignmentTimeoutError, JobRequest

from agent import entry, forkserver, logs, status
from agent.registration import WatchedServer
from agent.settings import AgentSettings
from agent.timeline.jobs import JobBook
from common import http_proxy
from common.settings import revealed

logger = logging.getLogger("agent.worker")

FOREVER = 10**9  # tries to register: a LiveKit server that is away comes back
OWN_HTTP_PORT = 0  # the framework's own status page, which says OK before it is registered


def make_server(settings: AgentSettings, book: JobBook) -> WatchedServer:
    server = WatchedServer(
        ws_url=settings.livekit_url,
        api_key=settings.livekit_api_key,
        api_secret=revealed(settings.livekit_api_secret),
        # The framework would take the variable without a look at NO_PROXY.
        http_proxy=None if http_proxy.is_direct(settings.livekit_url) else NOT_GIVEN,
        host=status.LOOPBACK[0],
        port=OWN_HTTP_PORT,
        num_idle_processes=settings.agent_idle_processes,
        shutdown_process_timeout=settings.agent_job_stop_timeout,
        initialize_process_timeout=settings.agent_start_timeout,
        drain_timeout=math.ceil(settings.agent_drain_timeout),
        max_retry=FOREVER,
        # The framework's estimate refuses calls that begin at the same moment; `request` counts.
        # With a finite one it would also set the idle processes that agent/pool.py keeps ready.
        load_threshold=math.inf,
        load_fnc=functools.partial(load_of, most=settings.agent_max_jobs),
        job_memory_warn_mb=0,  # agent/monitor.py looks, at less expense
        setup_fnc=entry.prepare,
        preload_modules=[forkserver.PRELOADED],
        log_level=settings.log_level,
    )

    server.process_ended = book.process_ended

    async def on_request(req: JobRequest) -> None:
        with logs.about(req.room.name, req.id):
            await request(req, server, settings.agent_max_jobs, book)

    server.rtc_session(
        entry.entrypoint, agent_name=settings.livekit_agent_name, on_request=on_request
    )
    return server


async def request(req: JobRequest, server: WatchedServer, most: int, book: JobBook) -> None:
    """Take a job, unless the worker has as many as it may."""
    logger.info("Job request received for room: %s", req.room.name)
    jobs = server.taken
    if jobs >= most:
        logger.warning("Job refused: there are %s calls already (AGENT_MAX_JOBS is %s)", jobs, most)
        book.refused(req, f"there are {jobs} calls already (AGENT_MAX_JOBS is {most})")
        await req.reject()
        return
    book.accepted(req, server.registration.worker_id)
    # Many at once wait for seconds: whoever asks for the jobs must not take them for lost.
    server.waiting[req.id] = req.room.name
    try:
        await req.accept(name="Agent")
    except AssignmentTimeoutError:
        book.refused(req, "the LiveKit server did not assign it to this worker")
        raise
    except Exception as error:
        book.refused(req, f"no process could be started for it ({error})")
        raise
    finally:
        del server.waiting[req.id]
    logger.info("Job accepted: %s in room %s", req.id, req.room.name)


SERVER_LIMIT = 0.7  # livekit-server gives a worker that reports this load no more jobs


def load_of(server: WatchedServer, most: int) -> float:
    """The load told to the LiveKit server: calls, not CPU, which jumps at each start."""
    return SERVER_LIMIT * server.taken / most
