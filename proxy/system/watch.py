"""Keeps the health of the system fresh in the background, and tells every change."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from typing import Any

from common.vitals import Vitals
from proxy.registration import Registration
from proxy.settings import ProxySettings
from proxy.system.collect import Ask, Collector, asked_once
from proxy.system.questions import new_session
from proxy.verdicts.health import Health, Probe, Process

log = logging.getLogger("proxy.system")

EVERY_S = 1.0
Tell = Callable[[str, dict[str, Any]], None]
"""Takes `process` or `probe`, and what is known of it now."""


class SystemWatch:
    """`health` is the system as it was about a second ago. Made and started in the same loop."""

    def __init__(
        self, settings: ProxySettings, registration: Registration, vitals: Vitals | None = None
    ) -> None:
        self._session = new_session()
        own = vitals or Vitals()
        self._collector = Collector(settings, self._session, registration, own=own)
        self._asks: dict[str, Ask] = dict(self._collector.probes)
        self._probes: dict[str, Probe] = {}
        self._told: dict[tuple[str, str], object] = {}
        self._listeners: list[Tell] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()
        self.health = Health(agent_name=settings.livekit_agent_name)

    def add_probe(self, name: str, ask: Ask) -> None:
        """Ask this as well, each second."""
        self._asks[name] = ask

    def on_change(self, tell: Tell) -> None:
        """Have every change of a process or probe told; before `start`, also how each stands."""
        self._listeners.append(tell)

    def start(self) -> None:
        self._begin("watch", self._watch())

    async def aclose(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._collector.aclose()
        await self._session.close()

    async def look(self, max_age: float) -> Health:
        """The health with processes that were asked within the last `max_age` seconds."""
        asked = time.time()
        async with self._lock:
            if asked - self.health.at > max_age:
                await self._read(max_age)
        return self.health

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            for name, ask in self._asks.items():
                # A slow answer holds up neither the others nor the processes.
                if (running := self._tasks.get(name)) is None or running.done():
                    self._begin(name, self._probe(name, ask))
            try:
                await self._read(max_age=EVERY_S / 2)
            except Exception:
                # Whatever it is: without this loop every verdict would be of the past.
                log.exception("The system could not be looked at; it is tried again")
            await asyncio.sleep(max(0.1, EVERY_S - (time.monotonic() - began)))

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[name] = asyncio.create_task(work, name=f"system: {name}")

    async def _read(self, max_age: float) -> None:
        processes = await self._collector.processes(max_age)
        machine = await asyncio.to_thread(self._collector.machine)
        self.health = await self._collector.health(
            processes, dict(self._probes), machine, max_age=EVERY_S
        )
        for process in processes.values():
            # Its vitals change all the time, and are nothing that happens.
            told = {key: value for key, value in asdict(process).items() if key != "vitals"}
            self._note("process", process.name, _mark(process), told)

    async def _probe(self, name: str, ask: Ask) -> None:
        try:
            probe = await asked_once(ask)
        except Exception as error:
            log.exception("The probe of %s failed by itself", name)
            probe = Probe(name, "other", f"it could not be asked: {error}")
        if probe is None:
            self._probes.pop(name, None)
        else:
            self._probes[name] = probe
            self._note("probe", name, (probe.problem, probe.status), asdict(probe))
        self.health = replace(self.health, probes=dict(self._probes))

    def _note(self, kind: str, name: str, mark: object, data: dict[str, Any]) -> None:
        if self._told.get((kind, name)) == mark:
            return
        self._told[(kind, name)] = mark
        for tell in self._listeners:
            try:
                tell(kind, data)
            except Exception:
                log.exception("A change of %s could not be told", name)


def _mark(process: Process) -> object:
    """What of a process makes a change that is worth telling; not each step of a start."""
    lasting = process.state in ("failed", "monitoring", "stopped")
    return (
        process.state,
        process.cause,
        process.answers,
        process.pid,
        process.restarts,
        process.frozen,
        process.detail if lasting else "",
    )
