"""Questions asked once, what is left of the machine, and the media port for TCP."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from proxy.probes import livekit, question
from proxy.probes.machine import MachineWatch
from proxy.probes.question import new_session
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult
from tests.fast.proxy.letta_server import LettaServer
from tests.running_system import free_ports


def test_a_service_elsewhere_is_asked_seldom() -> None:
    well, gone = ProbeResult("", at=1.0), ProbeResult("", "timeout", at=1.0)
    own, outside = "http://localhost:1/", "https://api.example/"
    assert question._age(well, own, None) < 1.0
    assert question._age(well, outside, None) == question.OUTSIDE_EVERY_S
    assert question._age(ProbeResult("", "rejected"), outside, None) == question.OUTSIDE_EVERY_S
    assert question._age(gone, outside, None) == question.OUTSIDE_AGAIN_S


async def test_the_same_question_is_asked_once(letta: LettaServer) -> None:
    async with new_session() as session:
        asking = question.Questions(session)
        answers = await asyncio.gather(
            *(asking.ask(f"{letta.url}/v1/health/", max_age=0.0) for _ in range(5))
        )
        assert letta.looked_at < len(answers)
        await asking.ask(f"{letta.url}/v1/health/", max_age=60.0)
        before = letta.looked_at
        await asking.ask(f"{letta.url}/v1/health/", max_age=0.0)
        assert letta.looked_at == before + 1


@pytest.mark.parametrize(("busy", "asked"), [(True, 2), (False, 1)])
async def test_a_timeout_counts_at_once_unless_the_machine_is_busy(
    monkeypatch: pytest.MonkeyPatch, busy: bool, asked: int
) -> None:
    monkeypatch.setattr(question, "OWN_LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with new_session() as session:
            found = await question.Questions(session, busy=lambda: busy).ask(url)
        assert found.problem == "timeout"
        listener.settimeout(0)
        for _ in range(asked):
            listener.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_what_is_left_of_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plenty = MachineWatch(ProxySettings(process_status_dir=folder)).read()
    assert (plenty.cores, plenty.disk_path) == (os.cpu_count(), str(tmp_path))
    assert plenty.disk_free is not None and plenty.disk_free > 0
    assert 0 <= plenty.cpu <= 1
    too_little = ProxySettings(process_status_dir=folder, memory_low_mb=2**30)
    low = MachineWatch(too_little).read()
    assert low.memory_available < low.memory_low == 2**50
    assert len(low.busiest) == 3 and all(each.endswith(" MB") for each in low.busiest)
    assert MachineWatch(ProxySettings()).read().disk_free is None


def test_the_calls_may_lie_on_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    usual = shutil.disk_usage

    def usage(path: Path) -> Any:
        return usual(path)._replace(free=5) if path == calls else usual(path)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    chosen = ProxySettings(process_status_dir=tmp_path / "run", calls_database=calls / "calls.db")
    found = MachineWatch(chosen).read()
    assert (found.disk_free, found.disk_path) == (5, str(calls))


def ours(folder: Path, port: int, state: str = "ready") -> ProxySettings:
    """Settings of a proxy beside a LiveKit server that a launcher of this machine started."""
    me = psutil.Process()
    alive = {"pid": me.pid, "start_time": me.create_time()}
    status = {
        "name": "livekit",
        "state": state,
        "since": time.time(),
        "detail": "",
        "launcher": alive,
        "program": alive,
    }
    (folder / "livekit.json").write_text(json.dumps(status))
    return ProxySettings(
        process_status_dir=folder, livekit_url="ws://127.0.0.1:1", livekit_tcp_port=port
    )


async def test_an_open_port_is_well(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        probe = await livekit.media_over_tcp(ours(tmp_path, port))
    assert probe is not None and probe.ok and probe.target == f"127.0.0.1:{port}"


async def test_a_closed_port_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    probe = await livekit.media_over_tcp(ours(tmp_path, port))
    assert probe is not None and probe.problem == "refused"


async def test_the_port_of_a_server_elsewhere_is_not_asked(tmp_path: Path) -> None:
    assert await livekit.media_over_tcp(ours(tmp_path, 1, state="monitoring")) is None


async def test_without_launchers_nothing_is_asked() -> None:
    assert await livekit.media_over_tcp(ProxySettings(process_status_dir=None)) is None
