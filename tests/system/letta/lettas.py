"""A Letta of each kind, real, with the offline models.

The App Server is the one that `python -m dev.letta` starts. The V1 server runs only with `--full`;
otherwise what it once answered is replayed (recordings/, see conftest.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from common.letta.app_server import AppServer
from common.letta.backend import Backend
from dev.letta_import import postgres
from tests.running_system import ROOT, free_ports
from tests.system.checkout import wait_for

PYTHON = ROOT / ".venv" / "bin" / "python"
V1_PYTHON = ROOT / ".venv-letta-v1" / "bin" / "python"
START_S = 90.0
TOKEN = "a-token-of-this-test-0123456789"
PERSONA_OF_ADA = {"human": "I know nothing about this person yet.", "persona": "My name is Ada."}


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
            "LETTA_PORT": str(self.port),
            "LETTA_API_KEY": TOKEN,
            "MODELS_PORT": str(self.models_port),
            "MODELS_URL": f"{self.models_url}/v1",
            "OPENAI_BASE_URL": f"{self.models_url}/v1",
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
    def output(self) -> str:
        return (self.home / "output").read_text()

    @contextmanager
    def running(
        self, command: Sequence[str | Path], answers: str, environ: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A program, until it answers at the address."""
        with (self.home / "output").open("ab") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environ or self.environ, stdout=output, stderr=output
            )
        try:
            wait_for(f"{command} answers", lambda: self._answers(process, answers), START_S)
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
        first_agent = self.home / "letta" / "app-server" / "first-agent"
        return there and ("readyz" not in url or first_agent.exists())

    def models(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return self.running([PYTHON, "-m", "dev.models"], f"{self.models_url}/v1/models")

    def app_server(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return self.running([PYTHON, "-m", "dev.letta"], f"{self.url}/readyz")

    @contextmanager
    def v1(self) -> Iterator[subprocess.Popen[bytes]]:
        """The archived server, with an agent."""
        home = self.home / "v1"
        (home / ".letta" / "tool_execution_dir").mkdir(parents=True, exist_ok=True)
        (self.home / "letta").mkdir(exist_ok=True)
        with postgres.running(self.home / "letta" / "postgres") as database:
            environ = {
                **self.environ,
                "HOME": str(home),
                "LETTA_DIR": str(home / ".letta"),
                "LETTA_PG_URI": f"postgresql://{postgres.USER}@localhost:5432/{postgres.USER}"
                f"?host={database.sockets}&ssl=disable",
                "OPENAI_API_BASE": f"{self.models_url}/v1",
                "OPENAI_API_KEY": "none",
                "DO_NOT_TRACK": "1",
                "OTEL_SDK_DISABLED": "true",
                "LETTA_DISABLE_TRACING": "true",
                "PYTHONWARNINGS": "ignore",
            }
            command: list[str | Path] = [
                V1_PYTHON,
                ROOT / "tests" / "letta_v1" / "server.py",
                str(self.port),
            ]
            with self.running(command, f"{self.url}/v1/health/", environ) as process:
                asyncio.run(self._have_an_agent())
                yield process

    async def _have_an_agent(self) -> None:
        """As soon as it has asked its endpoint for models."""
        async with connected(self) as backend, asyncio.timeout(START_S):
            ours: list[str] = []
            while not ours:
                await asyncio.sleep(0.2)
                ours = [each for each in await backend.models() if each.endswith("/rehearsal")]
            if not await backend.agents(1):
                await backend.create_agent("Ada", PERSONA_OF_ADA, ours[0])

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
    with ExitStack() as stack:
        stack.enter_context(letta.models())
        stack.enter_context(letta.app_server() if kind == "app-server" else letta.v1())
        yield letta


@asynccontextmanager
async def connected(letta: Letta) -> AsyncIterator[Backend]:
    backend = letta.connect()
    try:
        yield backend
    finally:
        await backend.aclose()
