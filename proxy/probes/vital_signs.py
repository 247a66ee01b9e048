"""Memory, processor, errors and lag of the processes: measured from outside, and as they tell.

The worker tells of itself and its job processes (`GET /worker`), our models and Letta servers of
themselves (`GET /vitals`), the proxy knows its own; livekit-server is only looked at.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
from pydantic import BaseModel, ValidationError

from common.vitals import Vitals
from proxy.clients.outside import FAILURES
from proxy.clients.registration import Registration
from proxy.probes.processes import relatives
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import Process, VitalsSnapshot

EVERY_S = 5.0
TIMEOUT = aiohttp.ClientTimeout(total=1.0)
ANSWER_MAX_BYTES = 4096
MB = 2**20


class VitalsAnswer(BaseModel):
    """What `GET /vitals` answers."""

    lag: float
    recent_errors: int
    active_at: float
    waiting: int | None = None


class VitalSigns:
    """Keeps what was found for some seconds. `own` are the proxy's, when it is it that asks."""

    def __init__(
        self,
        settings: ProxySettings,
        session: aiohttp.ClientSession,
        registration: Registration,
        own: Vitals | None,
    ) -> None:
        self._session = session
        self._registration = registration
        self._own = own
        models = urlsplit(settings.models_url)
        self._urls = {"models": f"{models.scheme}://{models.netloc}/vitals"}
        self._used: dict[str, tuple[float, float]] = {}
        self._vitals: dict[str, tuple[VitalsSnapshot, ...]] = {}
        self._at = -EVERY_S
        self._looking: asyncio.Task[None] | None = None

    async def put_into(self, processes: Mapping[str, Process]) -> dict[str, Process]:
        """The processes with their vitals. Who asks again and again does not wait for them: a
        process that hangs holds up nothing."""
        idle = self._looking is None or self._looking.done()
        if idle and time.monotonic() - self._at >= EVERY_S:
            self._at = time.monotonic()
            self._looking = asyncio.create_task(self._look(processes), name="system: vitals")
            if self._own is None:
                await self._looking
        return {
            name: replace(process, vitals=self._vitals.get(name, ()))
            for name, process in processes.items()
        }

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self, processes: Mapping[str, Process]) -> None:
        programs = {
            name: process.pid
            for name, process in processes.items()
            if process.pid is not None and process.state != "stopped"
        }
        names = [
            name for name in self._urls if name in programs and processes[name].state == "ready"
        ]
        answers = await asyncio.gather(*(self._ask(name) for name in names))
        usage = await asyncio.to_thread(self._usage, programs)
        vitals: dict[str, tuple[VitalsSnapshot, ...]]
        vitals = {name: (used,) for name, used in usage.items()}
        for name, answer in zip(names, answers, strict=True):
            if answer is not None and name in usage:
                vitals[name] = (_with(usage[name], answer),)
        if self._own is not None and "proxy" in usage:
            own = VitalsAnswer.model_validate(self._own.data())
            vitals["proxy"] = (_with(usage["proxy"], own),)
        if "agent" in programs:
            worker = await self._registration.read(max_age=EVERY_S)
            if worker.status is not None and worker.status.processes:
                vitals["agent"] = tuple(
                    VitalsSnapshot(**process.model_dump()) for process in worker.status.processes
                )
        self._vitals = vitals

    def _usage(self, programs: Mapping[str, int]) -> dict[str, VitalsSnapshot]:
        """Memory and processor of each program, together with all that it started."""
        now = time.monotonic()
        usage = {}
        for name, family in relatives(programs).items():
            memory = seconds = 0.0
            for process in family:
                try:
                    with process.oneshot():
                        memory += process.memory_info().rss
                        times = process.cpu_times()
                except psutil.Error:
                    continue
                seconds += times.user + times.system
            before, at = self._used.get(name, (seconds, now))
            self._used[name] = seconds, now
            # A process that has ended since takes its time with it.
            share = max(0.0, seconds - before) / (now - at) if now > at else None
            usage[name] = VitalsSnapshot(
                programs[name], round(memory / MB), cpu=None if share is None else round(share, 3)
            )
        return usage

    async def _ask(self, name: str) -> VitalsAnswer | None:
        try:
            async with self._session.get(self._urls[name], timeout=TIMEOUT) as response:
                body = await response.content.read(ANSWER_MAX_BYTES)
                answer: Any = json.loads(body)
            return VitalsAnswer.model_validate(answer)
        except (*FAILURES, ValueError, ValidationError):
            return None  # a server of ours that is older, or somebody else's


def _with(used: VitalsSnapshot, answer: VitalsAnswer) -> VitalsSnapshot:
    return replace(
        used,
        lag=answer.lag,
        errors=answer.recent_errors,
        active_at=answer.active_at,
        waiting=answer.waiting,
    )
