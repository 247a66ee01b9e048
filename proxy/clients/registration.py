"""What the worker says of itself: whether it is registered, under which name, with which jobs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from pydantic import BaseModel, ValidationError

from proxy.clients.outside import FAILURES, in_words
from proxy.settings import ProxySettings

TIMEOUT_S = 1.0


class WorkerJob(BaseModel):
    """A job the worker is running."""

    id: str
    room: str
    since: float


class WorkerProcess(BaseModel):
    """One process of the worker: itself, or a job process."""

    pid: int
    job: str | None = None
    room: str | None = None
    memory_mb: int | None = None
    memory_limit_mb: int | None = None
    cpu: float | None = None
    lag: float | None = None
    errors: int | None = None
    active_at: float | None = None


class WorkerStatus(BaseModel):
    """The worker's own `GET /worker`."""

    registered: bool
    agent_name: str
    worker_id: str | None = None
    registered_at: float | None = None
    livekit_url: str | None = None
    load: float | None = None
    jobs: list[WorkerJob] = []
    pid: int | None = None
    version: str | None = None
    code: str | None = None
    last_error: str | None = None
    processes: list[WorkerProcess] = []
    timeline_error: str | None = None
    timeline_error_since: float | None = None

    @property
    def in_words(self) -> str:
        """Its id, code, LiveKit server, calls and load."""
        calls = "1 call" if len(self.jobs) == 1 else f"{len(self.jobs)} calls"
        parts = [
            f"the worker {self.worker_id}" if self.worker_id else "the worker, without an id",
            f"code {self.code}" if self.code else "",
            f"at {self.livekit_url}" if self.livekit_url else "",
            calls,
            f"load {self.load:.0%}" if self.load is not None else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Worker:
    """What is known of the worker at one moment."""

    url: str
    status: WorkerStatus | None
    """None when it did not answer, or not as a worker would."""
    trouble: str = ""
    """Why there is no status."""
    gone: bool = False
    """Nothing listens at its address: the process is not there."""
    jobs: frozenset[str] = field(default_factory=frozenset)

    @property
    def registered(self) -> bool:
        return self.status is not None and self.status.registered

    @property
    def sentence(self) -> str:
        """The state of the worker for people."""
        if self.status is None:
            return f"The worker does not answer at {self.url}: {self.trouble}."
        if not self.status.registered:
            reason = f": {self.status.last_error}" if self.status.last_error else ""
            return (
                f"The worker at {self.url} runs but is not registered with the LiveKit server"
                f"{reason}."
            )
        return (
            f"The worker is registered as {self.status.agent_name!r} "
            f"({self.status.worker_id or 'without an id'}), {len(self.status.jobs)} job(s) running."
        )


def worker_in_words(worker: Worker | None) -> str:
    """The state of the worker for people; `worker` is None when it is not to be asked."""
    return worker.sentence if worker else "The worker was not asked (AGENT_CHECK)."


class Registration:
    """Reads the worker's status, at most once for all who ask within `max_age` seconds."""

    def __init__(
        self,
        settings: ProxySettings,
        session: aiohttp.ClientSession,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = settings.agent_url
        self._session = session
        self._clock = clock
        self._lock = asyncio.Lock()
        self._last: tuple[float, Worker] | None = None

    async def read(self, max_age: float = 0.0) -> Worker:
        """The worker as it is now, or was not longer than `max_age` seconds ago."""
        asked = self._clock()
        async with self._lock:
            if self._last is not None and self._last[0] >= asked - max_age:
                return self._last[1]
            started = self._clock()
            worker = await self._ask()
            self._last = (started, worker)
            return worker

    async def _ask(self) -> Worker:
        try:
            async with self._session.get(
                f"{self._url}/worker", timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as response:
                body = await response.read()
                if response.status != 200:
                    return self._unknown(f"it answered {response.status} to GET /worker")
        except FAILURES as error:
            refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(
                error.os_error, ConnectionRefusedError
            )
            return Worker(self._url, None, in_words(error), gone=refused)
        try:
            status = WorkerStatus.model_validate(json.loads(body))
        except (ValueError, ValidationError):
            return self._unknown("something else than our worker answers there")
        return Worker(self._url, status, jobs=frozenset(job.id for job in status.jobs))

    def _unknown(self, trouble: str) -> Worker:
        return Worker(self._url, None, trouble)
