"""A Letta of each kind, real, as our own process starts it, with the offline models."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from common.letta.app_server import AppServer
from common.letta.backend import Backend
from tests.running_system import ROOT, free_ports
from tests.system.checkout import wait_for

PYTHON = ROOT / ".venv" / "bin" / "python"
START_S = 90.0
TOKEN = "a-token-of-this-test-0123456789"
BACKENDS = ("app-server", "v1")


@dataclass
class Letta:
    kind: str
    home: Path
    port: int
    models_port: int

    @property
    def environ(self) -> dict[str, str]:
        return {
            "VOICE_HOME": str(self.home),
            "LETTA_BACKEND": self.kind,
            "LETTA_PORT": str(self.port),
            "LETTA_API_KEY": TOKEN,
            "MODELS_PORT": str(self.models_port),
            "MODELS_URL": f"http://localhost:{self.models_port}/v1",
            "FAULTS_ENABLED": "true",
            "PATH": os.environ["PATH"],
            "HOME": str(self.home / "nobody writes here"),
        }

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def models_url(self) -> str:
        return f"http://localhost:{self.models_port}"

    @property
    def first_agent(self) -> Path:
        folder = self.home / "letta"
        return folder / ("app-server/first-agent" if self.kind == "app-server" else "first-agent")

    @property
    def output(self) -> str:
        return (self.home / "output").read_text()

    @contextmanager
    def running(self, module: str, answers: str) -> Iterator[subprocess.Popen[bytes]]:
        """`python -m MODULE`, until it answers at the address."""
        with (self.home / "output").open("ab") as output:
            process = subprocess.Popen(
                [PYTHON, "-m", module], cwd=ROOT, env=self.environ, stdout=output, stderr=output
            )
        try:
            wait_for(f"{module} answers", lambda: self._answers(process, answers), START_S)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    def _answers(self, process: subprocess.Popen[bytes], url: str) -> bool:
        assert process.poll() is None, self.output
        try:
            there = httpx.get(url, timeout=2).status_code == 200
        except httpx.TransportError:
            return False
        return there and ("models" in url or self.first_agent.exists())

    def connect(self) -> Backend:
        if self.kind == "app-server":
            return AppServer(self.url, TOKEN, self.home / "letta-memory.lock")
        from letta_client import AsyncLetta

        from common.letta.v1 import V1

        return V1(AsyncLetta(base_url=self.url, api_key=TOKEN, timeout=20, max_retries=0))


@contextmanager
def letta_of(kind: str, home: Path) -> Iterator[Letta]:
    """It and its models, running."""
    letta = Letta(kind, home, *free_ports(2))
    if kind == "app-server":  # where the V1 server was before, which leaves its first agent's id
        (home / "letta").mkdir()
        (home / "letta" / "first-agent").write_text("agent-of-v1\n")
    health = "/readyz" if kind == "app-server" else "/v1/health/"
    with (
        letta.running("dev.models", f"{letta.models_url}/v1/models"),
        letta.running("dev.letta", letta.url + health),
    ):
        yield letta


@asynccontextmanager
async def connected(letta: Letta) -> AsyncIterator[Backend]:
    backend = letta.connect()
    try:
        yield backend
    finally:
        await backend.aclose()
