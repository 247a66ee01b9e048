"""What the proxy finds out of the system by itself: real sockets, a real server, real processes."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.probes import question
from proxy.probes.question import new_session
from proxy.probes.watch import collect
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult, SystemHealth
from tests.fast.proxy.conftest import KEY, SECRET
from tests.fast.proxy.letta_server import LettaServer
from tests.fast.proxy.status_files import write
from tests.running_system import free_ports

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


async def test_a_certificate_that_is_not_trusted(
    look: Looks, serve: Serves, own_certificate: ssl.SSLContext
) -> None:
    port = await serve(tls=own_certificate)
    found = address(await look(livekit_url=f"wss://127.0.0.1:{port}"))
    assert (found.problem, "certificate is not trusted" in found.detail) == ("tls", True)


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
    settings = {"letta_base_url": letta.url, "letta_backend": "v1"}
    back = await look(process_status_dir=tmp_path, **settings)
    assert back.processes["letta"].answers is True
