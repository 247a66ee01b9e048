"""The AgentServer that knows whether it is registered with the LiveKit server right now.

The framework tells when it has registered, not when that ends. Its connection runs in
`AgentServer._run_ws` from just after the registration until the connection is lost, so being
registered is being inside that method. `_proc_pool` is the other private name this depends on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from livekit.agents import AgentServer
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.job import RunningJobInfo

from agent.pool import UnhurriedPool
from agent.timeline.jobs import EndedProcess

FRAMEWORK_LOGGER = "livekit.agents"
LOOK_EVERY = 0.02  # seconds
REJECTED = (401, 403)
CONNECTION_FAILED = "failed to connect to livekit"


@dataclass
class Registration:
    """Whether the worker is registered, since when (epoch seconds), and what went wrong last."""

    worker_id: str | None = None
    registered_at: float | None = None
    last_error: str | None = None

    @property
    def registered(self) -> bool:
        return self.registered_at is not None


class WatchedServer(AgentServer):
    """An AgentServer whose `registration` is true to the moment."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.registration = Registration()
        self.process_ended: Callable[[EndedProcess], None] = lambda _: None
        self.init_timed_out: Callable[[], None] = lambda: None
        self.waiting: dict[str, str] = {}
        """The rooms of jobs that were taken and have no process yet, by the job's id."""
        self.calls_held = 0
        self._becoming: set[ProcJobExecutor] = set()
        self._unhurried: UnhurriedPool | None = None
        self.on("worker_started", self._started)
        logging.getLogger(FRAMEWORK_LOGGER).addFilter(self._notice_failure)

    @property
    def jobs(self) -> list[RunningJobInfo]:
        """The calls in progress; none before the server runs."""
        return self.active_jobs if hasattr(self, "_proc_pool") else []

    @property
    def taken(self) -> int:
        """How many jobs there are, those that wait for a process included."""
        return len({*self.waiting, *(one.job.id for one in self.jobs)})

    @property
    def processes(self) -> list[tuple[int, str | None, str | None]]:
        """The job processes: pid, and the job and room of those that have a call."""
        if not hasattr(self, "_proc_pool"):
            return []
        found = []
        for process in self._proc_pool.processes:
            if isinstance(process, ProcJobExecutor) and process.pid is not None:
                running = process.running_job
                call = (running.job.id, running.job.room.name) if running else (None, None)
                found.append((process.pid, *call))
        return found

    async def wait_until_registered(self) -> None:
        while not self.registration.registered:  # noqa: ASYNC110 - it may be lost again meanwhile
            await asyncio.sleep(LOOK_EVERY)

    def _started(self) -> None:
        self._unhurried = UnhurriedPool(self._proc_pool)
        # The framework asks for the signature of what it calls, which a method of `set` has not.
        self._proc_pool.on("process_started", lambda process: self._becoming.add(process))
        self._proc_pool.on("process_ready", lambda process: self._becoming.discard(process))
        self._proc_pool.on("process_closed", self._process_closed)

    def _process_closed(self, process: ProcJobExecutor) -> None:
        if process in self._becoming:
            self._becoming.discard(process)
            if process.killed:  # as the framework does with one that takes too long
                self.init_timed_out()
        if (job := process.running_job) is not None:
            self.calls_held += 1
            self.process_ended(
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
        """The framework tells why it could not connect in its log only; never drops an entry."""
        if record.getMessage().startswith(CONNECTION_FAILED):
            error = getattr(record, "error", None)
            if not self.registration.registered and isinstance(error, aiohttp.ClientError):
                self.registration.last_error = _reason(error)
        return True


def _reason(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError) and error.status in REJECTED:
        return f"it rejects LIVEKIT_API_KEY and LIVEKIT_API_SECRET ({error.status})"
    return f"it cannot be reached ({error})"
