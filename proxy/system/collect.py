"""Everything that is known of the system now, put together: `collect()` asks it all once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from common.vitals import Vitals
from proxy import status_files
from proxy.registration import Registration
from proxy.settings import ProxySettings
from proxy.system import letta, livekit, media_port, providers
from proxy.system.machine import WINDOW_S, MachineWatch
from proxy.system.processes import Processes
from proxy.system.questions import Questions
from proxy.system.vital_signs import VitalSigns
from proxy.verdicts.health import Health, Machine, Probe, Process

Ask = Callable[[], Awaitable[Probe | None] | Probe | None]
"""Asks one probe; None when it cannot be asked because something else is wrong."""
CPU_SAMPLE_S = 0.5


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
        self.probes: dict[str, Ask] = {
            livekit.ADDRESS: lambda: livekit.address(settings, self._questions),
            livekit.CREDENTIALS: lambda: livekit.credentials(settings, self._questions),
            letta.KEY: lambda: letta.key(settings, self._questions),
            media_port.NAME: lambda: media_port.tcp(settings),
        }
        for provider in providers.in_use(settings):
            self.probes[provider.role] = self._asks(provider)

    def _asks(self, provider: providers.Provider) -> Ask:
        async def ask() -> Probe | None:
            if provider.role == providers.CHAT and not _letta_is_own(self._settings):
                return None
            return await providers.reachable(provider, self._questions)

        return ask

    async def aclose(self) -> None:
        await self._signs.aclose()

    async def processes(self, max_age: float = 0.0) -> dict[str, Process]:
        return await self._signs.put_into(await self._processes.look(max_age))

    def machine(self) -> Machine:
        return self._machine.read()

    async def health(
        self,
        processes: Mapping[str, Process],
        probes: Mapping[str, Probe],
        machine: Machine | None,
        max_age: float = 1.0,
    ) -> Health:
        """The parts as one, with what the worker says of its registration."""
        if not self._settings.agent_check:
            # Whoever answers at AGENT_URL, if anybody does, is not the worker that counts.
            return Health(
                processes,
                probes,
                machine,
                self._settings.livekit_agent_name,
                media_udp_port=self._settings.livekit_udp_port,
                media_tcp_port=self._settings.livekit_tcp_port,
                at=time.time(),
            )
        worker = await self.registration.read(max_age=max_age)
        status = worker.status
        return Health(
            processes=processes,
            probes=probes,
            machine=machine,
            agent_name=self._settings.livekit_agent_name,
            registered_name=status.agent_name if status is not None else None,
            registered=worker.registered if status is not None else None,
            media_udp_port=self._settings.livekit_udp_port,
            media_tcp_port=self._settings.livekit_tcp_port,
            worker_error=(status.last_error or "") if status is not None else worker.trouble,
            at=time.time(),
        )


async def collect(
    settings: ProxySettings,
    session: aiohttp.ClientSession,
    more: Mapping[str, Ask] | None = None,
) -> Health:
    """The health of the system as seen from outside of it, once; nothing needs to run for it.

    `session` should be one of `questions.new_session()`. It takes as long as the slowest answer,
    at most some 3 s.
    """
    collector = Collector(settings, session)
    asked = {**collector.probes, **(more or {})}
    processes, found, _ = await asyncio.gather(
        collector.processes(),
        asyncio.gather(*(asked_once(ask) for ask in asked.values())),
        asyncio.sleep(CPU_SAMPLE_S),
    )
    probes = {probe.name: probe for probe in found if probe is not None}
    return await collector.health(processes, probes, collector.machine(), max_age=WINDOW_S)


async def asked_once(ask: Ask) -> Probe | None:
    """The answer, whether one has to wait for it or not."""
    answer = ask()
    return await answer if isinstance(answer, Awaitable) else answer


def _letta_is_own(settings: ProxySettings) -> bool:
    """Whether our own Letta runs here; the models of one elsewhere are its own business."""
    folder = settings.process_status_dir
    file = status_files.read(folder, "letta") if folder is not None else None
    return file is not None and file.state != "monitoring"
