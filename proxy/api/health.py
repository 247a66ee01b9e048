"""`/health` and `/healthz`: is every process there, and does it really answer? `/health/agent`:
would a dispatch reach a worker, and if not, why?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from common.detour import detour
from common.process_records import ProcessState
from proxy.api.endpoint import Answer, Endpoint, answered
from proxy.clients.registration import Registration, Worker, WorkerJob
from proxy.probes.watch import SystemWatch
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import Process

FRESH_S = 0.3
"""Who asks within this time of another gets the same answer."""
RESTART_AGENT = "./restart_voice_system.sh agent"
ON_THE_WAY = ("preparing", "starting", "restarting")

Readiness = Literal["ok", "starting", "failing"]


class VitalsHealth(BaseModel):
    """How one process of the machine is; null where it is not known."""

    model_config = ConfigDict(from_attributes=True)

    pid: int
    job: str | None = Field(description="Of a job process: the job it runs.")
    room: str | None
    memory_mb: int | None
    memory_limit_mb: int | None
    cpu: float | None = Field(description="Share of a core over the last seconds.")
    lag: float | None = Field(description="Seconds its event loop was late, at worst, just now.")
    errors: int | None = Field(description="Errors logged within ten minutes; of a job: all.")
    active_at: float | None


class ProcessHealth(BaseModel):
    """One process. Times are seconds since the epoch."""

    model_config = ConfigDict(from_attributes=True)

    state: ProcessState
    since: float | None
    detail: str
    answers: bool | None = Field(description="Whether it answers now; null when nobody asked it.")
    port: int | None = None
    pid: int | None = None
    restarts: int = 0
    cause: str = Field(default="", description="What is wrong, as a code such as port-taken.")
    log: list[str] = Field(default=[], description="Lines of its log that tell what is wrong.")
    vitals: list[VitalsHealth] = Field(
        default=[], description="Its own first; of the worker, then those of its job processes."
    )


class HealthAnswer(Answer):
    """All processes. The HTTP status is 200 when `status` is ok, else 503."""

    error: str | None = Field(description="NOT_READY unless `status` is ok.")
    status: Readiness
    message: str
    processes: dict[str, ProcessHealth]


class AgentHealthAnswer(Answer):
    """The worker. The HTTP status is 200 when a dispatch would reach it, else 503."""

    error: str | None = Field(description="Why a dispatch would reach nobody, as a code.")
    registered: bool
    agent_name: str | None = Field(description="Name under which the worker is registered.")
    expected_name: str = Field(description="Name the proxy dispatches to.")
    name_matches: bool
    worker_id: str | None
    registered_at: float | None
    livekit_url: str | None = Field(description="Server the worker is, or wants to be, at.")
    load: float | None
    jobs: list[WorkerJob]
    pid: int | None
    version: str | None
    last_error: str | None
    message: str
    next_step: str


class Alive(Answer):
    """The proxy answers; nothing more is said by it."""

    status: Literal["ok"] = "ok"


class HealthEndpoints:
    """Handlers of the routes; what they tell is what the watch has found."""

    def __init__(
        self, settings: ProxySettings, system: SystemWatch, registration: Registration
    ) -> None:
        self._settings = settings
        self._system = system
        self._registration = registration
        self.endpoints = [
            Endpoint(
                "GET",
                "/health",
                self.health,
                "Every process: state, since when, why.",
                HealthAnswer,
                own_form=True,
                failures={503: "Not every process is ready; the same form, `status` says more."},
            ),
            Endpoint("GET", "/healthz", self.alive, "The proxy answers.", Alive),
            Endpoint(
                "GET",
                "/health/agent",
                self.agent,
                "Whether the worker is registered, and under which name.",
                AgentHealthAnswer,
                own_form=True,
                failures={503: "A dispatch would reach nobody; the same form."},
            ),
        ]

    async def alive(self, request: web.Request) -> web.Response:
        return answered(Alive())

    async def health(self, request: web.Request) -> web.Response:
        health = await self._system.look(FRESH_S)
        answer = _describe(health.processes)
        return answered(answer, status=200 if answer.status == "ok" else 503)

    async def agent(self, request: web.Request) -> web.Response:
        if not self._settings.asks_worker:
            return answered(_unasked(self._settings))
        worker = await self._registration.read(max_age=FRESH_S)
        answer = describe(worker, self._settings)
        return answered(answer, status=200 if answer.success else 503)


def _describe(system: Mapping[str, Process]) -> HealthAnswer:
    processes = {name: ProcessHealth.model_validate(process) for name, process in system.items()}
    status = _readiness(processes)
    bad = [
        f"{name} is {process.state}: {process.detail}"
        for name, process in processes.items()
        if not _is_fine(process)
    ]
    return HealthAnswer(
        success=status == "ok",
        error=None if status == "ok" else "NOT_READY",
        status=status,
        message=" ".join(bad) or "Every process is ready.",
        processes=processes,
    )


def _is_fine(process: ProcessHealth) -> bool:
    return process.state in ("ready", "monitoring") and process.answers is not False


def _readiness(processes: dict[str, ProcessHealth]) -> Readiness:
    bad = [process for process in processes.values() if not _is_fine(process)]
    if not bad:
        return "ok"
    return "starting" if all(process.state in ON_THE_WAY for process in bad) else "failing"


def describe(worker: Worker, settings: ProxySettings) -> AgentHealthAnswer:
    """What the worker's status means for a dispatch by this proxy."""
    status, expected = worker.status, settings.livekit_agent_name
    matches = status is not None and status.agent_name == expected
    message, next_step, error = worker.sentence, "", None
    if status is None:
        error = "AGENT_NOT_REGISTERED"
        next_step = (
            "Start it: ./restart_voice_system.sh agent; its log says why it ended. If it runs "
            "elsewhere, set AGENT_URL to its status or AGENT_CHECK=false."
        )
    elif not status.registered:
        error = "AGENT_NOT_REGISTERED"
        next_step = (
            f"Is the LiveKit server at {status.livekit_url} up, and do both know the same "
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET? The agent's log has its last attempt."
        )
        server = status.livekit_url or settings.livekit_url
        if elsewhere := detour(status.last_error or "", server, os.environ):
            message = f"{message.rstrip('.')}: {elsewhere.sentence}."
            next_step = f"{elsewhere.next}; then {RESTART_AGENT}."
    elif not matches:
        error = "AGENT_NAME_MISMATCH"
        message += f" The proxy dispatches to {expected!r}, so a dispatch would reach nobody."
        next_step = "Set LIVEKIT_AGENT_NAME to the same value for both and restart them."
    elif status.livekit_url and not _same_server(status.livekit_url, settings.livekit_url):
        message += (
            f" It is at {_without_password(status.livekit_url)}, but the proxy uses "
            f"{settings.livekit_url}."
        )
        next_step = "If these are two servers, set LIVEKIT_URL to the same one for both."
    return AgentHealthAnswer(
        success=error is None,
        error=error,
        registered=worker.registered,
        agent_name=status.agent_name if status else None,
        expected_name=expected,
        name_matches=matches,
        worker_id=status.worker_id if status else None,
        registered_at=status.registered_at if status else None,
        livekit_url=_without_password(status.livekit_url)
        if status and status.livekit_url
        else None,
        load=status.load if status else None,
        jobs=status.jobs if status else [],
        pid=status.pid if status else None,
        version=status.version if status else None,
        last_error=status.last_error if status else None,
        message=message,
        next_step=next_step,
    )


def _unasked(settings: ProxySettings) -> AgentHealthAnswer:
    """Nothing is known of a worker that is not asked, and nothing is wrong with that."""
    if settings.own_agent == "off":
        message = "This system has no agent of its own (OWN_AGENT is off): name the one you want."
    else:
        message = (
            f"Whether a worker is registered as {settings.livekit_agent_name!r} is not known here: "
            "AGENT_CHECK is false, so none is asked. Each dispatch shows it."
        )
    return AgentHealthAnswer(
        error=None,
        registered=False,
        agent_name=None,
        expected_name=settings.own_name,
        name_matches=False,
        worker_id=None,
        registered_at=None,
        livekit_url=None,
        load=None,
        jobs=[],
        pid=None,
        version=None,
        last_error=None,
        message=message,
        next_step="",
    )


def _without_password(url: str) -> str:
    """What a worker says of itself may be more than it should."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def _same_server(a: str, b: str) -> bool:
    """Whether two addresses mean one server, as far as addresses tell."""

    def key(url: str) -> tuple[str | None, int | None]:
        address = urlsplit(url)
        local = address.hostname in ("localhost", "127.0.0.1", "::1")
        return ("localhost" if local else address.hostname), address.port

    return key(a) == key(b)
