"""The watch in the background: what it tells, and that nothing ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from common.probe import Probe
from proxy.clients.registration import Registration
from proxy.probes import watch
from proxy.probes.watch import SystemWatch
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult
from tests.fast.proxy.status_files import write
from tests.running_system import free_ports

DATABASE = "calls database"


class Told:
    """Collects what is told, and waits for more."""

    def __init__(self, system: SystemWatch) -> None:
        self.all: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()
        system.on_change(self._hear)

    def _hear(self, kind: str, data: dict[str, Any]) -> None:
        self.all.append((kind, data))
        self._news.set()

    async def until(self, kind: str, **data: Any) -> dict[str, Any]:
        """The first that is told of this kind with this data."""
        async with asyncio.timeout(10):
            while True:
                for one, told in self.all:
                    if one == kind and data.items() <= told.items():
                        return told
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SystemWatch]:
    """The watch of a system in which Letta is ready by its file, and not begun yet."""
    monkeypatch.setattr(watch, "EVERY_S", 0.1)
    write(tmp_path, "letta", state="starting", detail="importing")
    (nobody,) = free_ports(1)
    settings = ProxySettings(
        livekit_url=f"ws://127.0.0.1:{nobody}",
        letta_base_url=f"http://127.0.0.1:{nobody}",
        models_url=f"http://127.0.0.1:{nobody}/v1",
        agent_url=f"http://127.0.0.1:{nobody}",
        process_status_dir=tmp_path,
    )
    async with aiohttp.ClientSession() as session:
        made = SystemWatch(settings, Registration(settings, session))
        yield made
        await made.aclose()


async def test_changes_are_told_once(system: SystemWatch, tmp_path: Path) -> None:
    told = Told(system)
    system.start()
    await told.until("probe", name="livekit address", problem="refused")
    await told.until("process", name="letta", state="starting")
    write(tmp_path, "letta", state="starting", detail="still importing")
    write(tmp_path, "letta", state="failed", detail="port 1 is held by pid 2", cause="port-taken")
    found = await told.until("process", name="letta", state="failed")
    assert (found["cause"], found["detail"]) == ("port-taken", "port 1 is held by pid 2")
    of_letta = [data["state"] for kind, data in told.all if data["name"] == "letta"]
    assert of_letta == ["starting", "failed"], "a step of a start is no change"
    assert system.health.processes["letta"].state == "failed"
    assert system.health.probes["livekit address"].problem == "refused"


async def test_a_probe_of_somebody_else(system: SystemWatch) -> None:
    told = Told(system)
    now = ProbeResult(DATABASE, "locked", "another program writes", "calls.db")

    async def ask() -> ProbeResult:
        return now

    system.add_probe(Probe(DATABASE, ask))
    system.start()
    await told.until("probe", name=DATABASE, problem="locked")
    now = ProbeResult(DATABASE)
    await told.until("probe", name=DATABASE, problem="")
    assert system.health.probes[DATABASE].ok


async def test_nothing_ends_the_watch(
    system: SystemWatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a fault of ours")

    async def ask() -> None:
        broken()

    system.add_probe(Probe(DATABASE, ask))
    system.on_change(broken)
    told = Told(system)
    system.start()
    found = await told.until("probe", name=DATABASE, problem="other")
    assert "a fault of ours" in found["detail"]
    write(tmp_path, "letta", state="failed", detail="no")
    await told.until("process", name="letta", state="failed")
    assert "a fault of ours" in caplog.text


async def test_a_probe_that_hangs_says_so_and_is_asked_again(system: SystemWatch) -> None:
    asked_again = asyncio.Event()
    started = False

    async def ask() -> None:
        nonlocal started
        if started:
            asked_again.set()
        started = True
        await asyncio.Event().wait()

    system.add_probe(Probe(DATABASE, ask, limit=0.05))
    told = Told(system)
    system.start()
    await told.until("probe", name=DATABASE, problem="timeout")
    await asyncio.wait_for(asked_again.wait(), 10)


async def test_a_look_is_as_fresh_as_it_is_wanted(system: SystemWatch, tmp_path: Path) -> None:
    first = await system.look(max_age=60.0)
    assert await system.look(max_age=60.0) is first
    write(tmp_path, "letta", state="failed", detail="no")
    assert (await system.look(max_age=0.0)).processes["letta"].state == "failed"
