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
from proxy.outside import FAILURES
from proxy.registration import Registration
from proxy.settings import ProxySettings
from proxy.system.frozen import relatives
from proxy.verdicts.health import Process
from proxy.verdicts.health import Vitals as Found

EVERY_S = 5.0
TIMEOUT = aiohttp.ClientTimeout(total=1.0)
ANSWER_MAX_BYTES = 4096
MB = 2**20


class Told(BaseModel):
    """What `GET /vitals` answers."""

    lag: float
    recent_errors: int
    active_at: float


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
        letta, models = urlsplit(settings.letta_base_url), urlsplit(settings.models_url)
        self._urls = {
            "letta": f"{letta.scheme}://{letta.netloc}/vitals",
            "models": f"{models.scheme}://{models.netloc}/vitals",
        }
        self._used: dict[str, tuple[float, float]] = {}
        self._found: dict[str, tuple[Found, ...]] = {}
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
            name: replace(process, vitals=self._found.get(name, ()))
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
        asked = [
            name for name in self._urls if name in programs and processes[name].state == "ready"
        ]
        told = await asyncio.gather(*(self._ask(name) for name in asked))
        used = await asyncio.to_thread(self._usage, programs)
        found: dict[str, tuple[Found, ...]] = {name: (one,) for name, one in used.items()}
        for name, answer in zip(asked, told, strict=True):
            if answer is not None and name in found:
                found[name] = (_with(found[name][0], answer),)
        if self._own is not None and "proxy" in found:
            mine = Told.model_validate(self._own.data())
            found["proxy"] = (_with(found["proxy"][0], mine),)
        if "agent" in programs:
            worker = await self._registration.read(max_age=EVERY_S)
            those = worker.status.processes if worker.status is not None else []
            told_by_it = tuple(Found(**one.model_dump()) for one in those)
            found["agent"] = told_by_it or found.get("agent", ())
        self._found = found

    def _usage(self, programs: Mapping[str, int]) -> dict[str, Found]:
        """Memory and processor of each program, together with all that it started."""
        now = time.monotonic()
        found = {}
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
            found[name] = Found(
                programs[name], round(memory / MB), cpu=None if share is None else round(share, 3)
            )
        return found

    async def _ask(self, name: str) -> Told | None:
        try:
            async with self._session.get(self._urls[name], timeout=TIMEOUT) as response:
                body = await response.content.read(ANSWER_MAX_BYTES)
                answer: Any = json.loads(body)
            return Told.model_validate(answer)
        except (*FAILURES, ValueError, ValidationError):
            return None  # a server of ours that is older, or somebody else's


def _with(found: Found, told: Told) -> Found:
    return replace(found, lag=told.lag, errors=told.recent_errors, active_at=told.active_at)
