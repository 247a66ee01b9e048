"""`python -m proxy` as a process: listens, says so, ends cleanly, and says what is wrong."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.running_system import ROOT, free_ports

DEADLINE_S = 20.0


@asynccontextmanager
async def started(**environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, ended with this block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy",
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_it_is_told_to_end(number: signal.Signals) -> None:
    (port,) = free_ports(1)
    async with started(PROXY_PORT=str(port)) as process, aiohttp.ClientSession() as session:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert re.fullmatch(
            rf"\d\d:\d\d:\d\d\.\d\d\d INFO proxy: Listening: http://localhost:{port}/debug\n", line
        )
        for host in ("127.0.0.1", "[::1]") if has_ipv6() else ("127.0.0.1",):
            async with session.get(f"http://{host}:{port}/healthz") as answer:
                assert answer.status == 200
        process.send_signal(number)
        code, err = await ended(process)
    assert (code, err) == (0, "")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_a_wrong_setting_is_one_sentence() -> None:
    async with started(PROXY_PORT="ninety") as process:
        code, err = await ended(process)
    assert code == 1
    assert err.startswith("setting PROXY_PORT has the value 'ninety', which is not")
    assert err.count("\n") == 1


async def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        async with started(PROXY_PORT=str(port)) as process:
            code, err = await ended(process)
    assert code == 1
    assert err.startswith(f"port {port} is in use by another program")
    assert "PROXY_PORT" in err
    assert err.count("\n") == 1
