"""`/health` and `/healthz`: is every process there, and does it really answer?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from proxy.endpoint import Answer, Endpoint, answered
from proxy.system.watch import SystemWatch
from proxy.verdicts.health import Process, State

FRESH_S = 0.3
"""Who asks within this time of another gets the same answer."""
ON_THE_WAY = ("preparing", "starting", "restarting")

Verdict = Literal["ok", "starting", "failing"]


class VitalsHealth(BaseModel):
    """How one process of the machine is; null where it is not known."""

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

    state: State
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

    @classmethod
    def of(cls, process: Process) -> ProcessHealth:
        return cls(
            state=process.state,
            since=process.since,
            detail=process.detail,
            answers=process.answers,
            port=process.port,
            pid=process.pid,
            restarts=process.restarts,
            cause=process.cause,
            log=list(process.log),
            vitals=[VitalsHealth(**asdict(one)) for one in process.vitals],
        )


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
    """Handlers of the routes; what they tell is what the watch has found."""

    def __init__(self, system: SystemWatch) -> None:
        self._system = system
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
        found = await self._system.look(FRESH_S)
        answer = _describe(found.processes)
        return answered(answer, status=200 if answer.status == "ok" else 503)


def _describe(found: Mapping[str, Process]) -> HealthAnswer:
    processes = {name: ProcessHealth.of(process) for name, process in found.items()}
    status = _verdict(processes)
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


def _verdict(processes: dict[str, ProcessHealth]) -> Verdict:
    bad = [process for process in processes.values() if not _is_fine(process)]
    if not bad:
        return "ok"
    return "starting" if all(process.state in ON_THE_WAY for process in bad) else "failing"
