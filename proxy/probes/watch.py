"""Everything that is known of the system now, put together: once by `collect()`, or kept fresh in
the background by `SystemWatch`, which tells every change."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import aiohttp

from common.detour import detour
from common.probe import Probe
from common.vitals import Vitals
from proxy.clients.registration import Registration
from proxy.probes import livekit, providers, status_files
from proxy.probes.machine import WINDOW_S, MachineWatch
from proxy.probes.processes import Processes
from proxy.probes.question import Questions, new_session
from proxy.probes.vital_signs import VitalSigns
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import Machine, ProbeResult, Process, SystemHealth

log = logging.getLogger("proxy.system")

EVERY_S = 1.0
CPU_SAMPLE_S = 0.5
Fact = Probe[ProbeResult | None]
"""A probe for the judge; None when it cannot be asked because something else is wrong."""
Tell = Callable[[str, dict[str, Any]], None]
"""Takes `process` or `probe`, and what is known of it now."""


class Collector:
    """The questions to one system. `own` are the vitals of its proxy, when that asks itself."""

    def __init__(
        self,
        settings: ProxySettings,
        session: aiohttp.ClientSession,
        registration: Registration | None = None,
        *,
        own: Vitals | None = None,
    ) -> None:
        self._settings = settings
        self._machine = MachineWatch(settings)
        self._questions = Questions(session, settings.secrets, self._machine.is_busy)
        self.registration = registration or Registration(settings, session)
        inside = own is not None
        self._processes = Processes(settings, self._questions, self.registration, inside=inside)
        self._signs = VitalSigns(settings, session, self.registration, own)
        asks: dict[str, Callable[[], Awaitable[ProbeResult | None]]] = {
            livekit.ADDRESS: lambda: livekit.address(settings, self._questions),
            livekit.CREDENTIALS: lambda: livekit.credentials(settings, self._questions),
            livekit.MEDIA_TCP: lambda: livekit.media_over_tcp(settings),
        }
        if settings.own_agent == "on":
            asks[providers.LETTA_KEY] = lambda: providers.letta_key(settings, self._questions)
            for provider in providers.in_use(settings):
                asks[provider.role] = partial(self._ask_provider, provider)
        self.facts: list[Fact] = [Probe(name, ask) for name, ask in asks.items()]

    async def _ask_provider(self, provider: providers.Provider) -> ProbeResult | None:
        if provider.role == providers.CHAT and not _letta_is_own(self._settings):
            return None
        return await providers.reachable(provider, self._questions)

    async def aclose(self) -> None:
        await self._signs.aclose()

    async def processes(self, max_age: float = 0.0) -> dict[str, Process]:
        return await self._signs.put_into(await self._processes.look(max_age))

    def machine(self) -> Machine:
        return self._machine.read()

    async def health(
        self,
        processes: Mapping[str, Process],
        probes: Mapping[str, ProbeResult],
        machine: Machine | None,
        max_age: float = 1.0,
    ) -> SystemHealth:
        """The parts as one, with what the worker says of its registration."""
        health = SystemHealth(
            processes=processes,
            probes=probes,
            machine=machine,
            agent_name=self._settings.own_name,
            own_agent=self._settings.own_agent == "on",
            media_udp_port=self._settings.livekit_udp_port,
            media_tcp_port=self._settings.livekit_tcp_port,
            at=time.time(),
        )
        if not self._settings.asks_worker:
            return health  # whoever answers at AGENT_URL, if anybody does, is not our worker
        worker = await self.registration.read(max_age=max_age)
        status = worker.status
        if status is None:
            return replace(health, worker_error=worker.trouble, at=time.time())
        return replace(
            health,
            registered_name=status.agent_name,
            registered=worker.registered,
            worker_error=status.last_error or "",
            worker=status.in_words,
            timeline_error=status.timeline_error or "",
            timeline_error_since=status.timeline_error_since,
            worker_detour=detour(
                status.last_error or "",
                status.livekit_url or self._settings.livekit_url,
                os.environ,
            ),
            at=time.time(),
        )


async def collect(
    settings: ProxySettings,
    session: aiohttp.ClientSession,
    more: Iterable[Fact] = (),
    without: Collection[str] = (),
) -> SystemHealth:
    """The health of the system as seen from outside of it, once; nothing needs to run for it.

    `session` should be one of `question.new_session()`. `more` facts are asked as well, or instead
    of those with the same name; those named in `without` are not asked. It takes as long as the
    slowest answer, at most some 3 s.
    """
    collector = Collector(settings, session)
    facts = {fact.name: fact for fact in (*collector.facts, *more)}
    processes, results, _ = await asyncio.gather(
        collector.processes(),
        asyncio.gather(*(ask(fact) for name, fact in facts.items() if name not in without)),
        asyncio.sleep(CPU_SAMPLE_S),
    )
    probes = {result.name: result for result in results if result is not None}
    return await collector.health(processes, probes, collector.machine(), max_age=WINDOW_S)


async def ask(fact: Fact) -> ProbeResult | None:
    """The answer to one question; one that is late or fails by itself says so."""
    try:
        async with asyncio.timeout(fact.limit):
            return await fact.ask()
    except TimeoutError:
        detail = f"no answer within {fact.limit:g} s"
        return ProbeResult(fact.name, "timeout", detail, at=time.time())
    except Exception as error:
        log.exception("The probe of %s failed by itself", fact.name)
        detail = f"it could not be asked: {error}"
        return ProbeResult(fact.name, "other", detail, at=time.time())


def _letta_is_own(settings: ProxySettings) -> bool:
    """Whether our own Letta runs here; the models of one elsewhere are its own business."""
    folder = settings.process_status_dir
    file = status_files.read(folder, "letta") if folder is not None else None
    return file is not None and file.state != "monitoring"


class SystemWatch:
    """`health` is the system as it was about a second ago. Made and started in the same loop."""

    def __init__(
        self, settings: ProxySettings, registration: Registration, vitals: Vitals | None = None
    ) -> None:
        self._session = new_session()
        own = vitals or Vitals()
        self._collector = Collector(settings, self._session, registration, own=own)
        self._facts = list(self._collector.facts)
        self._probes: dict[str, ProbeResult] = {}
        self._last_marks: dict[tuple[str, str], object] = {}
        self._listeners: list[Tell] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()
        self.health = SystemHealth(agent_name=settings.own_name)

    def add_probe(self, fact: Fact) -> None:
        """Ask this as well, each second."""
        self._facts.append(fact)

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

    async def look(self, max_age: float) -> SystemHealth:
        """The health with processes that were asked within the last `max_age` seconds."""
        asked_at = time.time()
        async with self._lock:
            if asked_at - self.health.at > max_age:
                await self._read(max_age)
        return self.health

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            for fact in self._facts:
                # A slow answer holds up neither the others nor the processes.
                if (running := self._tasks.get(fact.name)) is None or running.done():
                    self._begin(fact.name, self._probe(fact))
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
            data = {key: value for key, value in asdict(process).items() if key != "vitals"}
            self._note("process", process.name, _mark(process), data)

    async def _probe(self, fact: Fact) -> None:
        result = await ask(fact)
        if result is None:
            self._probes.pop(fact.name, None)
        else:
            self._probes[fact.name] = result
            self._note("probe", fact.name, (result.problem, result.status), asdict(result))
        self.health = replace(self.health, probes=dict(self._probes))

    def _note(self, kind: str, name: str, mark: object, data: dict[str, Any]) -> None:
        if self._last_marks.get((kind, name)) == mark:
            return
        self._last_marks[(kind, name)] = mark
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
