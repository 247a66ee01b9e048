"""Watches the worker and its job processes: memory, processor, activity, errors, lag of the loop.

Every few seconds it reads them, and logs once what is wrong: a call in which nothing happens, one
with many errors, a process with much memory, a loop that is late. `GET /worker` and `GET /metrics`
have the figures. A worker whose memory is over its limit asks between calls to be replaced.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from agent.worker.server import WatchedServer
from common import logs
from common.vitals import Vitals

logger = logging.getLogger("agent.worker")

EVERY = 5.0  # seconds between two looks
ASK_EVERY = 60.0  # seconds between two requests to be replaced
IDLE = 300.0  # seconds without anything said or written in a call
MOST_ERRORS = 10  # of one call, or of the worker within RECENT_S of common/vitals.py
LATE = 1.0  # seconds by which a loop may be late
ACTIVITY = frozenset({"hear", "transcribe", "think", "speak", "play"})
ERRORS = frozenset({"error", "failed"})
MB = 2**20

Event = Mapping[str, Any]


@dataclass(frozen=True)
class ProcessVitals:
    """One process as it was at the last look; `cpu` is a share of a core, `active_at` is in
    epoch seconds. Without `job` it is the worker itself, or waits for a call."""

    pid: int
    job: str | None
    room: str | None
    memory_mb: int
    memory_limit_mb: int
    cpu: float
    lag: float
    errors: int
    active_at: float


@dataclass
class CallActivity:
    """The last activity, the errors and the lag of a call, from its events."""

    active_at: float = field(default_factory=time.time)
    errors: int = 0
    lag: float = 0.0


class Monitor:
    """Looks at the processes of one worker. `outgrown` is called between calls, with the reason."""

    def __init__(
        self, server: WatchedServer, limit_mb: int, outgrown: Callable[[str], None]
    ) -> None:
        self.vitals = Vitals()
        self.processes: tuple[ProcessVitals, ...] = ()
        self._server = server
        self._limit = limit_mb
        self._outgrown = outgrown
        self._active_at = time.time()
        self._calls: dict[str, CallActivity] = {}
        self._cpu: dict[int, tuple[float, float]] = {}  # pid: seconds of processor, when read
        self._warned: set[tuple[str, object]] = set()
        self._requested_at = -ASK_EVERY

    def observe(self, event: Event) -> None:
        """Take an event of a call; comes from the thread that delivers them."""
        data = event.get("data")
        if not isinstance(data, dict):
            return
        job = str(data.get("job_id") or str(event.get("key", "")).partition("-")[0])
        call = self._calls.setdefault(job, CallActivity())
        self._active_at = time.time()
        if event.get("stage") in ACTIVITY:
            call.active_at = self._active_at
        if event.get("name") in ERRORS:
            call.errors += 1
        if event.get("name") == "health" and isinstance(lag := data.get("lag"), int | float):
            call.lag = float(lag)

    async def run(self) -> None:
        """Look until cancelled."""
        logging.getLogger().addHandler(self.vitals)
        measuring = asyncio.create_task(self.vitals.watch(), name="vitals of the worker")
        try:
            while True:
                self.look()
                await asyncio.sleep(EVERY)
        finally:
            measuring.cancel()
            logging.getLogger().removeHandler(self.vitals)

    def look(self) -> None:
        """Read every process, and log what is wrong with any."""
        own = self._read(os.getpid(), None, None)
        jobs = [self._read(pid, job, room) for pid, job, room in self._server.processes]
        self.processes = tuple(process for process in (own, *jobs) if process is not None)
        living = {process.pid for process in self.processes}
        self._cpu = {pid: read for pid, read in self._cpu.items() if pid in living}
        ours = {process.job for process in self.processes}
        self._calls = {job: call for job, call in list(self._calls.items()) if job in ours}
        for process in self.processes:
            self._log_problems(process)
        if own is not None and own.memory_mb > self._limit:
            self._ask(own)

    def export(self, gauge: Callable[[str, str, Callable[[], float]], None]) -> None:
        """Give the figures of `GET /metrics` to `gauge`, which reads them at each request."""
        gauge(
            "voice_loop_lag_seconds",
            "By how much the worker's event loop was late at worst within ten seconds.",
            lambda: self.vitals.lag,
        )
        gauge(
            "voice_job_loop_lag_seconds",
            "The same of the job processes with a call, as they told last; the worst of them.",
            lambda: self.job_lag,
        )
        gauge(
            "voice_logged_errors",
            "Errors logged by the worker and its job processes since it began.",
            lambda: float(self.vitals.errors),
        )
        gauge(
            "voice_last_activity_timestamp_seconds",
            "When something last happened in a call, in epoch seconds.",
            lambda: self._active_at,
        )

    @property
    def job_lag(self) -> float:
        """Seconds by which the loop of a call in progress was late at worst."""
        return max((call.lag for call in list(self._calls.values())), default=0.0)

    def _read(self, pid: int, job: str | None, room: str | None) -> ProcessVitals | None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            return None
        used, now = times.user + times.system, time.monotonic()
        before, at = self._cpu.get(pid, (used, now))
        self._cpu[pid] = used, now
        call = self._calls.get(job) if job else None
        is_worker = pid == os.getpid()
        return ProcessVitals(
            pid,
            job,
            room,
            memory // MB,
            self._limit,
            round((used - before) / (now - at), 3) if now > at else 0.0,
            round(self.vitals.lag, 3) if is_worker else call.lag if call else 0.0,
            self.vitals.recent_errors if is_worker else call.errors if call else 0,
            round(call.active_at if call else time.time() if job else self._active_at, 3),
        )

    def _log_problems(self, process: ProcessVitals) -> None:
        whose = (
            "this worker"
            if process.pid == os.getpid()
            else f"the job process with pid {process.pid}"
        )
        idle = max(0.0, time.time() - process.active_at)  # active_at is rounded, maybe up
        with logs.call_context(process.room or "", process.job or ""):
            self._once(
                process.job is not None and idle >= IDLE,
                ("idle", process.job),
                f"nothing has been said or written in this call for {idle / 60:.0f} minutes",
            )
            self._once(
                process.errors > MOST_ERRORS,
                ("errors", process.pid),
                f"{whose} has met {process.errors} errors",
            )
            self._once(
                process.memory_mb > self._limit,
                ("memory", process.pid),
                f"{whose} has {process.memory_mb} MB of memory, and AGENT_MEMORY_LIMIT_MB is "
                f"{self._limit}",
            )
            self._once(
                process.lag >= LATE,
                ("lag", process.pid),
                f"the event loop of {whose} stood still for {process.lag:.1f} s",
            )

    def _once(self, wrong: bool, what: tuple[str, object], words: str) -> None:
        if wrong and what not in self._warned:
            logger.warning("%s", words)
            self._warned.add(what)
        elif not wrong:
            self._warned.discard(what)

    def _ask(self, own: ProcessVitals) -> None:
        """Ask for another worker, unless a call goes on; or none was held yet: then it is not the
        calls that it grew by, and another one would be as large."""
        now = time.monotonic()
        if (
            self._server.taken
            or not self._server.calls_held
            or now - self._requested_at < ASK_EVERY
        ):
            return
        self._requested_at = now
        self._outgrown(
            f"it had {own.memory_mb} MB of memory, over AGENT_MEMORY_LIMIT_MB ({self._limit})"
        )
