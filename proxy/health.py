"""`/health` and `/healthz`: is every process there, and does it really answer?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import aiohttp
from aiohttp import web
from pydantic import BaseModel, Field

from proxy import status_files
from proxy.endpoint import Answer, Endpoint, answered
from proxy.outside import FAILURES, in_words
from proxy.registration import Registration
from proxy.settings import ProxySettings
from proxy.status_files import State, StatusFile

PROBE_TIMEOUT_S = 1.0
FRESH_S = 0.3
"""Who asks within this time of another gets the same answer."""
PROCESSES = ("livekit", "models", "letta", "agent", "proxy")
ON_THE_WAY = ("preparing", "starting", "restarting")

Verdict = Literal["ok", "starting", "failing"]


class ProcessHealth(BaseModel):
    """One process. Times are seconds since the epoch."""

    state: State
    since: float | None
    detail: str
    answers: bool | None = Field(description="Whether it answers now; null when nobody asked it.")
    port: int | None = None
    pid: int | None = None
    restarts: int = 0


class HealthAnswer(Answer):
    """All processes. The HTTP status is 200 when `status` is ok, else 503."""

    error: str | None = Field(description="NOT_READY unless `status` is ok.")
    status: Verdict
    message: str
    processes: dict[str, ProcessHealth]


class Alive(Answer):
    """The proxy answers; nothing more is said by it."""

    status: Literal["ok"] = "ok"


class Health:
    """Looks at status files and asks the processes themselves."""

    def __init__(
        self, settings: ProxySettings, session: aiohttp.ClientSession, registration: Registration
    ) -> None:
        self._settings = settings
        self._session = session
        self._registration = registration
        self._started = time.time()
        self._lock = asyncio.Lock()
        self._last: tuple[float, HealthAnswer] | None = None
        self._since: dict[str, tuple[State, float]] = {}
        self._probes: dict[str, Callable[[], Awaitable[str]]] = {
            "livekit": self._livekit,
            "models": self._models,
            "letta": self._letta,
            "agent": self._agent,
        }
        self.endpoints = [
            Endpoint(
                "GET",
                "/health",
                self.health,
                "Every process: state, since when, why.",
                HealthAnswer,
                failures={503: "Not every process is ready; the same form, `status` says more."},
            ),
            Endpoint("GET", "/healthz", self.alive, "The proxy answers.", Alive),
        ]

    async def alive(self, request: web.Request) -> web.Response:
        return answered(Alive())

    async def health(self, request: web.Request) -> web.Response:
        asked = time.monotonic()
        async with self._lock:
            if self._last is None or self._last[0] < asked - FRESH_S:
                self._last = (time.monotonic(), await self._look())
            answer = self._last[1]
        return answered(answer, status=200 if answer.status == "ok" else 503)

    async def _look(self) -> HealthAnswer:
        folder = self._settings.process_status_dir
        names = PROCESSES if folder is not None else ("livekit", "letta", "agent", "proxy")
        found = await asyncio.gather(*(self._process(name, folder) for name in names))
        processes = dict(zip(names, found, strict=True))
        status = _verdict(processes)
        bad = [
            f"{name} is {process.state}: {process.detail}"
            for name, process in processes.items()
            if not _is_fine(process)
        ]
        message = " ".join(bad) or "Every process is ready."
        return HealthAnswer(
            success=status == "ok",
            error=None if status == "ok" else "NOT_READY",
            status=status,
            message=message,
            processes=processes,
        )

    async def _process(self, name: str, folder: Path | None) -> ProcessHealth:
        file = status_files.read(folder, name) if folder is not None else None
        if name == "proxy":
            return self._myself(file)
        if file is None:
            return await self._without_file(name, watched=folder is not None)
        health = ProcessHealth(
            state=file.state,
            since=file.since,
            detail=file.detail,
            answers=file.answers if file.state == "monitoring" else None,
            port=file.port,
            pid=file.program.pid if file.program else None,
            restarts=file.restarts,
        )
        if file.state != "ready":
            return health
        # The launcher looked when it started; a process may have stopped answering since.
        trouble = await self._probes[name]()
        detail = f"It runs, but does not do its work: {trouble}." if trouble else health.detail
        return health.model_copy(update={"answers": not trouble, "detail": detail})

    async def _without_file(self, name: str, *, watched: bool) -> ProcessHealth:
        trouble = await self._probes[name]()
        state: State = "stopped" if trouble else "ready"
        previous = self._since.get(name)
        if previous is None or previous[0] != state:
            previous = self._since[name] = (state, time.time())
        unwatched = " No launcher watches it." if watched else ""
        detail = f"{trouble[:1].upper()}{trouble[1:]}." if trouble else "It answers."
        return ProcessHealth(
            state=state, since=previous[1], detail=detail + unwatched, answers=not trouble
        )

    def _myself(self, file: StatusFile | None) -> ProcessHealth:
        return ProcessHealth(
            state="ready",
            since=self._started,
            detail="It gives this answer.",
            answers=True,
            port=self._settings.proxy_port,
            pid=os.getpid(),
            restarts=file.restarts if file else 0,
        )

    async def _livekit(self) -> str:
        return await self._get(self._settings.livekit_http_url + "/")

    async def _models(self) -> str:
        return await self._get(self._settings.models_url + "/models")

    async def _letta(self) -> str:
        return await self._get(self._settings.letta_base_url + "/v1/health/")

    async def _agent(self) -> str:
        worker = await self._registration.read(max_age=FRESH_S)
        return "" if worker.registered else worker.sentence.rstrip(".")

    async def _get(self, url: str) -> str:
        """What is wrong with what answers at `url`; empty when nothing is."""
        try:
            async with self._session.get(
                url, timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
            ) as response:
                if response.status < 400:
                    return ""
                return f"it answered {response.status} to GET {url}"
        except FAILURES as error:
            return f"no answer from {url}: {in_words(error)}"


def _is_fine(process: ProcessHealth) -> bool:
    return process.state in ("ready", "monitoring") and process.answers is not False


def _verdict(processes: dict[str, ProcessHealth]) -> Verdict:
    bad = [process for process in processes.values() if not _is_fine(process)]
    if not bad:
        return "ok"
    return "starting" if all(process.state in ON_THE_WAY for process in bad) else "failing"
