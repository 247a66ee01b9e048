"""A real LiveKit server, real proxies on ports of their own, and clients that ask them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp import web
from livekit import api

from proxy import app
from proxy.settings import ProxySettings
from tests.system import ROOT, free_ports
from tests.unit.proxy.letta_server import LettaServer
from tests.unit.proxy.worker import TinyWorker

KEY = "unit-test-key"
SECRET = "unit-test-secret-0123456789abcdef-unit"
LETTA_KEY = "sk-let-planted-0123456789"
READY_S = 10.0
PORT_TRIES = 3


@dataclass(frozen=True)
class LiveKit:
    """A running livekit-server. Its webhooks go to the proxy that listens on `webhook_port`."""

    url: str
    webhook_port: int
    pid: int


def livekit_server_binary() -> str:
    """The livekit-server to test with, where dev/ would look for one."""
    own = ROOT / ".voice" / "bin" / "livekit-server"
    found = os.environ.get("LIVEKIT_SERVER_BIN") or shutil.which("livekit-server") or str(own)
    if not Path(found).exists():
        pytest.fail(
            "no livekit-server: start the system once by ./restart_voice_system.sh, or set "
            "LIVEKIT_SERVER_BIN"
        )
    return found


@pytest.fixture(scope="session")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKit]:
    """The real server, once for all tests of the proxy."""
    folder = tmp_path_factory.mktemp("livekit")
    for attempt in range(PORT_TRIES):
        # Between finding a port and listening on it, somebody else may take it.
        port, tcp, udp, webhook_port = free_ports(4)
        config = {
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": tcp,
                "udp_port": udp,
                "node_ip": "127.0.0.1",
                "enable_loopback_candidate": True,
            },
            "keys": {KEY: SECRET},
            "webhook": {
                "api_key": KEY,
                "urls": [f"http://127.0.0.1:{webhook_port}/webhooks/livekit"],
            },
        }
        file, log_file = folder / "livekit.yaml", folder / f"log-{attempt}"
        file.write_text(json.dumps(config))
        file.chmod(0o600)
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [livekit_server_binary(), "--config", str(file)], stdout=log, stderr=log
            )
        trouble = _trouble_until_it_answers(f"http://127.0.0.1:{port}/", process, log_file)
        if not trouble:
            break
        process.kill()
        process.wait()
        if "address already in use" not in trouble:
            pytest.fail(trouble)
    else:
        pytest.fail(trouble)
    try:
        yield LiveKit(f"ws://127.0.0.1:{port}", webhook_port, process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """All threads of a process stand still within this block, as if the machine were stuck."""
    os.kill(pid, signal.SIGSTOP)
    try:
        # The signal is only on its way: a running thread goes on for a moment.
        deadline = time.monotonic() + READY_S
        while not all(
            stat.read_text().rpartition(")")[2].split()[0] == "T"
            for stat in Path(f"/proc/{pid}/task").glob("*/stat")
        ):
            assert time.monotonic() < deadline, f"process {pid} does not stop"
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def joiner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the process that joins rooms for workers."""
    (port,) = free_ports(1)
    log_file = tmp_path_factory.mktemp("joiner") / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.proxy.joiner", str(port)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        trouble = _trouble_until_it_answers(f"http://127.0.0.1:{port}/", process, log_file)
        assert not trouble, trouble
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _trouble_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    """Empty as soon as `url` answers; else what the process said before it ended."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return ""
        except urllib.error.HTTPError:
            return ""  # it refuses, so it answers
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                return f"{process.args!r} did not start:\n{log.read_text()}"
            time.sleep(0.02)  # between two probes of a process that cannot notify us


@dataclass
class Asked:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Proxy:
    """A running proxy and a client of it."""

    def __init__(
        self, settings: ProxySettings, runner: web.AppRunner, session: aiohttp.ClientSession
    ) -> None:
        self.settings = settings
        self.runner = runner
        self.session = session
        self.url = f"http://127.0.0.1:{settings.proxy_port}"

    async def ask(self, method: str, path: str, **options: Any) -> Asked:
        async with self.session.request(
            method, self.url + path, allow_redirects=False, **options
        ) as response:
            return Asked(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Asked:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Asked:
        return await self.ask("POST", path, json={} if body is None else body, **options)

    async def dispatch(self, room: str, **more: Any) -> Asked:
        return await self.post("/api/dispatch-agent", {"room": room, **more})


async def running_proxy(stack: AsyncExitStack, **settings: Any) -> Proxy:
    """A proxy that runs until `stack` ends. Nothing outside of it answers unless set."""
    own, nobody, no_letta, no_livekit = free_ports(4)
    chosen: dict[str, Any] = {
        "livekit_url": f"ws://127.0.0.1:{no_livekit}",
        "livekit_api_key": KEY,
        "livekit_api_secret": SECRET,
        "letta_base_url": f"http://127.0.0.1:{no_letta}",
        "letta_api_key": LETTA_KEY,
        "agent_url": f"http://127.0.0.1:{nobody}",
        "proxy_port": own,
        **settings,
    }
    configured = ProxySettings(**chosen)
    runner = await app.start(configured)
    stack.push_async_callback(runner.cleanup)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return Proxy(configured, runner, session)


class StartProxy(Protocol):
    """Starts a proxy with the given settings."""

    async def __call__(self, **settings: Any) -> Proxy: ...


@pytest.fixture
async def start_proxy() -> AsyncIterator[StartProxy]:
    """Starts proxies that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Proxy:
            return await running_proxy(stack, **settings)

        yield start


@pytest.fixture
async def worker(livekit: LiveKit, joiner: str) -> AsyncIterator[TinyWorker]:
    """A worker that is not started yet."""
    made = TinyWorker(livekit.url, KEY, SECRET, joiner)
    yield made
    await made.aclose()


@pytest.fixture
async def server(livekit: LiveKit) -> AsyncIterator[api.LiveKitAPI]:
    """The LiveKit server's own client, to see what really happened."""
    async with api.LiveKitAPI(livekit.url, KEY, SECRET) as client:
        yield client


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room name of the test's own."""
    return f"room-of-{request.node.name}"[:100]


@pytest.fixture
async def letta() -> AsyncIterator[LettaServer]:
    """A Letta server with one agent."""
    made = LettaServer()
    await made.start()
    yield made
    await made.aclose()
