"""What the proxy finds out of the system by itself: real sockets, a real server, real processes."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from proxy.probes import question
from proxy.probes.question import new_session
from proxy.probes.watch import collect
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult, Process, SystemHealth
from tests.system import free_ports
from tests.unit.proxy.conftest import KEY, SECRET, LiveKit, halted
from tests.unit.proxy.letta_server import LettaServer
from tests.unit.proxy.test_health import write
from tests.unit.proxy.worker import TinyWorker

PLANTED = "sk-planted-in-an-answer-0123456789"

Looks = Callable[..., Awaitable[SystemHealth]]
Serves = Callable[..., Awaitable[int]]


@pytest.fixture
async def look(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Looks]:
    """Looks at a system of which nothing is there but what the settings name."""
    monkeypatch.setattr("proxy.probes.watch.CPU_SAMPLE_S", 0.0)
    own, nobody = free_ports(2)

    async def health(**settings: Any) -> SystemHealth:
        chosen: dict[str, Any] = {
            "livekit_url": f"ws://127.0.0.1:{nobody}",
            "livekit_api_key": KEY,
            "livekit_api_secret": SECRET,
            "letta_base_url": f"http://127.0.0.1:{nobody}",
            "models_url": f"http://127.0.0.1:{nobody}/v1",
            "agent_url": f"http://127.0.0.1:{nobody}",
            "proxy_port": own,
            **settings,
        }
        async with new_session() as session:
            return await collect(ProxySettings(**chosen), session)

    yield health


@pytest.fixture
async def serve() -> AsyncIterator[Serves]:
    """Serves every path with one answer, and gives the port."""
    async with AsyncExitStack() as stack:

        async def start(
            status: int = 200, text: str = "{}", tls: ssl.SSLContext | None = None
        ) -> int:
            async def answer(_: web.Request) -> web.Response:
                return web.Response(status=status, text=text)

            app = web.Application()
            app.router.add_route("*", "/{path:.*}", answer)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            (port,) = free_ports(1)
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
            return port

        yield start


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """TLS with a certificate that nobody has signed but itself."""
    if shutil.which("openssl") is None:
        pytest.skip("NOT TESTED: there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key", folder / "certificate"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *("-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def address(health: SystemHealth) -> ProbeResult:
    return health.probes["livekit address"]


async def test_an_unknown_name(look: Looks) -> None:
    health = await look(livekit_url="ws://no-such-server.invalid:7880")
    assert address(health).problem == "dns"
    assert "no-such-server.invalid" in address(health).detail
    assert health.processes["livekit"].answers is False
    assert "livekit credentials" not in health.probes, "nobody could be asked"


async def test_a_port_where_nobody_listens(look: Looks) -> None:
    health = await look()
    assert address(health).problem == "refused"
    assert health.registered is None
    assert {name: each.state for name, each in health.processes.items()} == {
        "livekit": "stopped",
        "letta": "stopped",
        "agent": "stopped",
        "proxy": "stopped",
    }


async def test_a_listener_that_never_answers(look: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "OWN_LIMIT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        health = await look(livekit_url=f"ws://127.0.0.1:{port}")
    assert address(health).problem == "timeout"
    assert "it took the connection, but did not answer within 0.5 s" in address(health).detail


async def test_wss_to_a_server_without_tls(look: Looks, serve: Serves) -> None:
    port = await serve()
    found = address(await look(livekit_url=f"wss://127.0.0.1:{port}"))
    assert found.problem == "scheme"
    assert f"speaks no TLS: set it to ws://127.0.0.1:{port}" in found.detail


async def test_ws_to_a_server_with_tls(
    look: Looks, serve: Serves, own_certificate: ssl.SSLContext
) -> None:
    port = await serve(tls=own_certificate)
    found = address(await look(livekit_url=f"ws://127.0.0.1:{port}"))
    assert found.problem == "scheme"
    assert f"speaks TLS only: set it to wss://127.0.0.1:{port}" in found.detail


async def test_a_certificate_that_is_not_trusted(
    look: Looks, serve: Serves, own_certificate: ssl.SSLContext
) -> None:
    port = await serve(tls=own_certificate)
    found = address(await look(livekit_url=f"wss://127.0.0.1:{port}"))
    assert (found.problem, "certificate is not trusted" in found.detail) == ("tls", True)


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
    for address in ({"agent_url": worker.status_url}, {}):
        health = await look(**address, agent_check=False)
        assert (health.registered, health.registered_name) == (None, None)
        assert "agent" not in health.processes


async def test_lettas_key(look: Looks, letta: LettaServer) -> None:
    letta.key = "the right key"
    settings = {"letta_base_url": letta.url, "letta_api_key": letta.key}
    assert (await look(**settings)).probes["letta key"].problem == ""
    found = (await look(**settings | {"letta_api_key": "a wrong key"})).probes["letta key"]
    assert (found.problem, found.status) == ("rejected", 401)
    found = (await look(**settings | {"letta_api_key": None})).probes["letta key"]
    assert found.problem == "missing"
    assert "letta key" not in (await look()).probes, "nobody could be asked"


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (200, ""),
        (401, "rejected"),
        (403, "rejected"),
        (429, "rate-limited"),
        (404, ""),
        (503, "status"),
    ],
)
async def test_a_provider_in_use(look: Looks, serve: Serves, status: int, problem: str) -> None:
    port = await serve(status, text=f'{{"error": {{"message": "about {PLANTED}"}}}}')
    health = await look(
        stt_provider="openai",
        openai_base_url=f"http://127.0.0.1:{port}/v1",
        openai_api_key=PLANTED,
    )
    found = health.probes["speech-to-text"]
    assert (found.problem, found.status) == (problem, status)
    assert found.target == f"http://127.0.0.1:{port}/v1/models"
    assert PLANTED not in str(health)
    assert health.probes["text-to-speech"].problem == "refused", "it is offline, and not there"


async def test_the_chat_model_is_asked_for_only_when_letta_is_ours(
    look: Looks, serve: Serves, tmp_path: Path
) -> None:
    models = f"http://127.0.0.1:{await serve()}/v1"
    write(tmp_path, "letta")
    ours = await look(models_url=models, process_status_dir=tmp_path)
    assert ours.probes["chat model"].problem == ""
    write(tmp_path, "letta", state="monitoring", answers=True)
    theirs = await look(models_url=models, process_status_dir=tmp_path)
    assert "chat model" not in theirs.probes


async def test_an_address_that_is_none(look: Looks) -> None:
    found = (await look(tts_provider="openai", openai_base_url="localhost")).probes[
        "text-to-speech"
    ]
    assert found.problem == "other"
    assert "is not an address such as http://HOST:PORT" in found.detail


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


async def test_what_the_launcher_says(look: Looks, tmp_path: Path) -> None:
    write(
        tmp_path,
        "letta",
        state="restarting",
        detail="letta ended with exit code 1: ValueError: no",
        cause="crash-loop",
        log=["ValueError: no"],
        restarts=2,
    )
    found = (await look(process_status_dir=tmp_path)).processes["letta"]
    assert (found.cause, found.log, found.restarts) == ("crash-loop", ("ValueError: no",), 2)
    assert "no" in found.detail


async def test_a_program_that_is_no_longer_ready_is_asked(
    look: Looks, letta: LettaServer, tmp_path: Path
) -> None:
    write(tmp_path, "letta", state="starting", cause="not-ready", detail="no longer ready: …")
    gone = (await look(process_status_dir=tmp_path)).processes["letta"]
    assert gone.answers is False
    back = await look(process_status_dir=tmp_path, letta_base_url=letta.url)
    assert back.processes["letta"].answers is True
