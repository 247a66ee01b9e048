"""What the proxy finds out of the system by itself: real sockets, a real server, real processes."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from proxy.verdicts.system_health import Process
from tests.fast.proxy.status_files import write
from tests.fast.proxy.test_probes import Looks, Serves, address
from tests.fast.proxy.worker import TinyWorker
from tests.system.parts.proxy.conftest import LiveKit, halted


async def test_ws_to_a_server_with_tls(
    look: Looks, serve: Serves, own_certificate: ssl.SSLContext
) -> None:
    port = await serve(tls=own_certificate)
    found = address(await look(livekit_url=f"ws://127.0.0.1:{port}"))
    assert found.problem == "scheme"
    assert f"speaks TLS only: set it to wss://127.0.0.1:{port}" in found.detail


async def test_the_livekit_server_and_our_key(look: Looks, livekit: LiveKit) -> None:
    health = await look(livekit_url=livekit.url)
    assert (address(health).problem, health.probes["livekit credentials"].problem) == ("", "")
    health = await look(livekit_url=livekit.url, livekit_api_secret="another secret " * 3)
    assert address(health).ok
    rejected = health.probes["livekit credentials"]
    assert (rejected.problem, rejected.status) == ("rejected", 401)
    assert "another secret" not in rejected.detail
    health = await look(livekit_url=livekit.url, livekit_api_secret=None)
    missing = health.probes["livekit credentials"]
    assert (missing.problem, missing.detail) == ("missing", "LIVEKIT_API_SECRET is not set")


async def test_the_worker_and_its_name(look: Looks, worker: TinyWorker) -> None:
    worker.name = "somebody"
    await worker.start()
    health = await look(agent_url=worker.status_url)
    assert (health.registered, health.registered_name) == (True, "somebody")
    assert health.agent_name == "letta-voice-agent"
    await worker.vanish()
    assert (await look(agent_url=worker.status_url)).registered is False


async def test_a_worker_elsewhere_is_not_judged_by_who_answers_here(
    look: Looks, worker: TinyWorker
) -> None:
    worker.name = "somebody-else"
    await worker.start()
    for place in ({"agent_url": worker.status_url}, {}):
        health = await look(**place, agent_check=False)
        assert (health.registered, health.registered_name) == (None, None)
        assert "agent" not in health.processes


@contextmanager
def program(script: str) -> Iterator[psutil.Process]:
    """A program that says when it is there, and ends with this block."""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield psutil.Process(process.pid)
    finally:
        for each in psutil.Process(process.pid).children():
            each.kill()
        process.kill()
        process.communicate()


WITH_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "print(1, flush=True); import time; time.sleep(60)"])
time.sleep(60)
"""


async def test_a_stopped_program_is_told_from_a_dead_one(look: Looks, tmp_path: Path) -> None:
    async def agent() -> Process:
        return (await look(process_status_dir=tmp_path)).processes["agent"]

    with program(WITH_CHILD) as process:
        me = {"pid": process.pid, "start_time": process.create_time()}
        write(tmp_path, "agent", program=me)
        assert (await agent()).frozen == ()
        with halted(process.pid):
            found = await agent()
        assert (found.state, found.cause, found.answers) == ("ready", "frozen", False)
        assert f"kill -CONT {process.pid}" in found.detail
        assert (await agent()).cause == ""
        (child,) = process.children()
        with halted(child.pid):
            assert [each.split()[1] for each in (await agent()).frozen] == [str(child.pid)]
    found = await agent()
    assert (found.state, found.frozen) == ("restarting", ())
    assert "has just ended" in found.detail


async def test_a_launcher_that_stands_still_is_told_while_its_program_lives(
    look: Looks, tmp_path: Path
) -> None:
    with program(WITH_CHILD) as process, program(WITH_CHILD) as launcher:
        pids = {
            name: {"pid": each.pid, "start_time": each.create_time()}
            for name, each in (("program", process), ("launcher", launcher))
        }
        for name in ("agent", "proxy"):
            write(tmp_path, name, **pids)
        with halted(launcher.pid):
            found = (await look(process_status_dir=tmp_path)).processes
        for name in ("agent", "proxy"):
            assert found[name].frozen == (f"pid {launcher.pid} (the launcher of {name})",)
        assert (await look(process_status_dir=tmp_path)).processes["agent"].frozen == ()
