"""The media port for TCP is asked by connecting to it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import psutil

from proxy.probes import livekit
from proxy.settings import ProxySettings
from tests.system import free_ports


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
