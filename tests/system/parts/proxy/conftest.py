"""A real LiveKit server and workers, beside the proxies of tests/fast/proxy."""

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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from livekit import api

from tests.fast.proxy.conftest import (  # noqa: F401 - fixtures
    KEY,
    SECRET,
    letta,
    room,
    start_proxy,
)
from tests.fast.proxy.test_probes import look, own_certificate, serve  # noqa: F401 - fixtures
from tests.fast.proxy.worker import TinyWorker
from tests.running_system import ROOT, free_ports

READY_S = 40.0
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
            [sys.executable, "-m", "tests.fast.proxy.joiner", str(port)],
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
