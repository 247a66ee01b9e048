"""A whole running system for tests: its own state folder and ports, started as users start it.

`System.start()` runs `./restart_voice_system.sh` with every port moved to a free one and
waits until all is ready; `System.stop()` runs `./restart_voice_system.sh stop`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from common.letta.backend import Backend
from common.letta.connect import connect
from common.settings import LettaServerSettings

ROOT = Path(__file__).resolve().parent.parent
START_DEADLINE_S = 240
PORT_SETTINGS = (
    "LIVEKIT_PORT",
    "LIVEKIT_TCP_PORT",
    "LIVEKIT_UDP_PORT",
    "MODELS_PORT",
    "LETTA_PORT",
    "AGENT_PORT",
    "PROXY_PORT",
)


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nobody listens on, all held until the last is found."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


@dataclass
class System:
    """Addresses and credentials of a running system, and the commands that manage it."""

    home: Path
    root: Path = ROOT
    overrides: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """Stands before each command: in which network it runs."""

    @property
    def environment(self) -> dict[str, str]:
        """What the person at the terminal has exported: this run's environment and our ports."""
        return {**os.environ, "VOICE_HOME": str(self.home), **self.overrides}

    def command(self, *arguments: str, timeout: float = START_DEADLINE_S) -> str:
        """Run `./restart_voice_system.sh ARGUMENTS` and return its output; fail with it."""
        done = subprocess.run(
            [*self.within, "./restart_voice_system.sh", *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        if done.returncode != 0:
            raise AssertionError(
                f"./restart_voice_system.sh {' '.join(arguments)} ended with {done.returncode}:\n"
                f"{done.stdout}"
            )
        return done.stdout

    def start(self) -> str:
        return self.command()

    def stop(self) -> str:
        return self.command("stop", timeout=60)

    def status(self, name: str) -> dict[str, object]:
        """The status file of one process, as its launcher wrote it."""
        loaded: dict[str, object] = json.loads((self.home / "run" / f"{name}.json").read_text())
        return loaded

    def log(self, name: str) -> str:
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")

    def port(self, setting: str) -> int:
        return int(self.overrides[setting])

    @property
    def livekit_url(self) -> str:
        elsewhere = self.overrides.get("LIVEKIT_URL")
        return elsewhere or f"ws://localhost:{self.port('LIVEKIT_PORT')}"

    @property
    def proxy_url(self) -> str:
        return f"http://localhost:{self.port('PROXY_PORT')}"

    @property
    def agent_url(self) -> str:
        return f"http://localhost:{self.port('AGENT_PORT')}"

    @property
    def letta_url(self) -> str:
        return f"http://localhost:{self.port('LETTA_PORT')}"

    @property
    def letta_settings(self) -> dict[str, str]:
        """What another program needs to use its Letta."""
        return {
            "LETTA_BACKEND": "app-server",
            "LETTA_BASE_URL": self.letta_url,
            "LETTA_API_KEY": self.letta_token,
        }

    @property
    def letta_token(self) -> str:
        return (self.home / "letta.token").read_text().strip()

    @asynccontextmanager
    async def letta(self) -> AsyncIterator[Backend]:
        """Its Letta, whichever it is."""
        key = SecretStr(self.letta_token)
        settings = LettaServerSettings(letta_base_url=self.letta_url, letta_api_key=key)
        backend = connect(settings)
        try:
            yield backend
        finally:
            await backend.aclose()

    @property
    def models_url(self) -> str:
        return f"http://localhost:{self.port('MODELS_PORT')}/v1"

    @property
    def agent_name(self) -> str:
        return "letta-voice-agent"

    @property
    def api_key(self) -> str:
        return self._credentials()[0]

    @property
    def api_secret(self) -> str:
        return self._credentials()[1]

    def _credentials(self) -> tuple[str, str]:
        if key := self.overrides.get("LIVEKIT_API_KEY"):
            return key, self.overrides["LIVEKIT_API_SECRET"]
        key, secret = (self.home / "livekit.key").read_text().strip().split(": ")
        return key, secret


def new_system(home: Path, **overrides: str) -> System:
    """A system that has not been started yet, on ports that are free now.

    It has a state folder of its own, but not its own livekit-server when the checkout has one.
    """
    ports = dict(zip(PORT_SETTINGS, map(str, free_ports(len(PORT_SETTINGS))), strict=True))
    binary = ROOT / ".voice" / "bin" / "livekit-server"
    made = {"LIVEKIT_SERVER_BIN": str(binary)} if binary.exists() else {}
    # Somebody may edit agent/ while the tests run.
    fixed = {"AGENT_RELOAD": "false"}
    return System(home=home, overrides={**ports, **made, **fixed, **overrides})
