"""The AgentServer of the worker: what it is made of, which jobs it takes, whether it is registered.

The framework tells when it has registered, not when that ends. Its connection runs in
`AgentServer._run_ws` from just after the registration until the connection is lost, so being
registered is being inside that method. `_proc_pool` is the other private name that is used here,
and CONNECTION_FAILED a text of the framework's log; each has its test in
tests/fast/agent/test_upstream_names.py.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from livekit.agents import NOT_GIVEN, AgentServer, AssignmentTimeoutError, JobRequest
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.ipc.proc_pool import ProcPool
from livekit.agents.job import RunningJobInfo

from agent.job import prepare, run_job
from agent.settings import AgentSettings
from agent.timeline.job_book import EndedProcess, JobBook
from agent.worker import forkserver
from common import http_proxy, logs
from common.settings import revealed

logger = logging.getLogger("agent.worker")

FOREVER = 10**9  # tries to register: a LiveKit server that is away comes back
# The status page of the framework itself, which says OK before the worker is registered.
OWN_HTTP_HOST, OWN_HTTP_PORT = "127.0.0.1", 0


def make_server(
    settings: AgentSettings, book: JobBook, init_timed_out: Callable[[], None]
) -> WatchedServer:
    """The server of these settings; `book` notes its jobs."""
    server = WatchedServer(
        process_ended=book.process_ended,
        init_timed_out=init_timed_out,
        ws_url=settings.livekit_url,
        api_key=settings.livekit_api_key,
        api_secret=revealed(settings.livekit_api_secret),
        # The framework would take the variable without a look at NO_PROXY.
        http_proxy=None if http_proxy.is_direct(settings.livekit_url) else NOT_GIVEN,
        host=OWN_HTTP_HOST,
        port=OWN_HTTP_PORT,
        num_idle_processes=settings.agent_idle_processes,
        shutdown_process_timeout=settings.agent_job_stop_timeout,
        initialize_process_timeout=settings.agent_start_timeout,
        drain_timeout=math.ceil(settings.agent_drain_timeout),
        max_retry=FOREVER,
        # The framework's estimate refuses calls that begin at the same moment; `request` counts.
        # With a finite one it would also set the idle processes that SpawnDelay keeps ready.
        load_threshold=math.inf,
        load_fnc=functools.partial(load_of, most=settings.agent_max_jobs),
        job_memory_warn_mb=0,  # agent/worker/monitor.py looks, at less expense
        setup_fnc=prepare,
        preload_modules=[forkserver.PRELOADED],
        log_level=settings.log_level,
    )

    async def on_request(req: JobRequest) -> None:
        with logs.call_context(req.room.name, req.id):
            await request(req, server, settings.agent_max_jobs, book)

    server.rtc_session(run_job, agent_name=settings.livekit_agent_name, on_request=on_request)
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
    # Many at once wait for seconds, and the proxy must not take them for lost meanwhile.
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
    """The load that the LiveKit server gets: calls, not CPU, which jumps at each start."""
    return SERVER_LIMIT * server.taken / most


FRAMEWORK_LOGGER = "livekit.agents"
LOOK_EVERY = 0.02  # seconds
REJECTED = (401, 403)
CONNECTION_FAILED = "failed to connect to livekit"


@dataclass
class SfuRegistration:
    """Whether the worker is registered, since when (epoch seconds), and what went wrong last."""

    worker_id: str | None = None
    registered_at: float | None = None
    last_error: str | None = None

    @property
    def registered(self) -> bool:
        return self.registered_at is not None


class WatchedServer(AgentServer):
    """An AgentServer whose `registration` is true to the moment.

    `process_ended` is called when the process of a job has ended, `init_timed_out` when a process
    was killed because it took too long to start; `options` are the framework's.
    """

    def __init__(
        self,
        *,
        process_ended: Callable[[EndedProcess], None],
        init_timed_out: Callable[[], None],
        **options: object,
    ) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.registration = SfuRegistration()
        self._process_ended = process_ended
        self._init_timed_out = init_timed_out
        self.waiting: dict[str, str] = {}
        """The rooms of jobs that were taken and have no process yet, by the job's id."""
        self.calls_held = 0
        self._becoming: set[ProcJobExecutor] = set()
        self._spawn_delay: SpawnDelay | None = None
        self.on("worker_started", self._started)
        logging.getLogger(FRAMEWORK_LOGGER).addFilter(self._notice_failure)

    @property
    def jobs(self) -> list[RunningJobInfo]:
        """The calls in progress; none before the server runs."""
        return self.active_jobs if hasattr(self, "_proc_pool") else []

    @property
    def taken(self) -> int:
        """How many jobs there are, those that wait for a process included."""
        return len({*self.waiting, *(info.job.id for info in self.jobs)})

    @property
    def processes(self) -> list[tuple[int, str | None, str | None]]:
        """The job processes: pid, and the job and room of those that have a call."""
        if not hasattr(self, "_proc_pool"):
            return []
        processes = []
        for process in self._proc_pool.processes:
            if isinstance(process, ProcJobExecutor) and process.pid is not None:
                running = process.running_job
                call = (running.job.id, running.job.room.name) if running else (None, None)
                processes.append((process.pid, *call))
        return processes

    async def wait_until_registered(self) -> None:
        while not self.registration.registered:  # noqa: ASYNC110 - it may be lost again meanwhile
            await asyncio.sleep(LOOK_EVERY)

    def _started(self) -> None:
        self._spawn_delay = SpawnDelay(self._proc_pool)
        # The framework asks for the signature of what it calls, which a method of `set` has not.
        self._proc_pool.on("process_started", lambda process: self._becoming.add(process))
        self._proc_pool.on("process_ready", lambda process: self._becoming.discard(process))
        self._proc_pool.on("process_closed", self._process_closed)

    def _process_closed(self, process: ProcJobExecutor) -> None:
        if process in self._becoming:
            self._becoming.discard(process)
            if process.killed:  # as the framework does with one that takes too long
                self._init_timed_out()
        if (job := process.running_job) is not None:
            self.calls_held += 1
            self._process_ended(
                EndedProcess(
                    job.job.id, job.job.room.name, process.pid, process.exitcode, process.killed
                )
            )

    async def _run_ws(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.registration.worker_id = self.id
        self.registration.registered_at = time.time()
        self.registration.last_error = None
        try:
            await super()._run_ws(ws)
        except Exception as error:
            self.registration.last_error = f"the connection was lost ({error})"
            raise
        finally:
            self.registration.worker_id = None
            self.registration.registered_at = None

    def _notice_failure(self, record: logging.LogRecord) -> bool:
        """Only the framework's log says why it could not connect. Never drops a record."""
        if record.getMessage().startswith(CONNECTION_FAILED):
            error = getattr(record, "error", None)
            if not self.registration.registered and isinstance(error, aiohttp.ClientError):
                self.registration.last_error = _reason(error)
        return True


def _reason(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError) and error.status in REJECTED:
        return f"it rejects LIVEKIT_API_KEY and LIVEKIT_API_SECRET ({error.status})"
    return f"it cannot be reached ({error})"


BEGINNING = 1.5  # seconds of a call in which no process is made for later ones


class SpawnDelay:
    """Keeps the making of the next job process away from the beginning of a call.

    The framework begins to make a process the moment one is taken, and on a small machine both then
    take twice as long. So the pool is told to want one process less for a moment. A job that waits
    for a process gets one made at once all the same.
    """

    def __init__(self, pool: ProcPool) -> None:
        self._pool = pool
        self._idle_target = pool.target_idle_processes
        self._timer: asyncio.TimerHandle | None = None
        pool.on("process_job_launched", self._call_begins)

    def _call_begins(self, _: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._pool.set_target_idle_processes(0)
        self._timer = asyncio.get_running_loop().call_later(BEGINNING, self._settled)

    def _settled(self) -> None:
        self._pool.set_target_idle_processes(self._idle_target)
