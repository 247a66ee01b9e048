"""A second proxy on the parts of a running system, with settings of its own.

For what can only be wrong in the settings of a proxy: it is started with the wrong ones, asked,
and started again with the right ones, as a person would.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.faults.fault import Ask, of_room, of_system
from tests.running_system import ROOT, System, free_ports

OPEN_S = 20.0


class OwnProxy:
    """Its port and its database stay the same from start to start; `disk`: where that lies."""

    def __init__(self, system: System, folder: Path, disk: Path | None = None) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://localhost:{self.port}"
        self.ask = of_system(self.url)
        self.database = (disk or folder) / "calls.db"
        self._log = folder / "own-proxy.log"
        self._settings: dict[str, str | None] = {
            "PROXY_PORT": str(self.port),
            "CALLS_DATABASE": str(self.database),
            "LIVEKIT_URL": system.livekit_url,
            "LIVEKIT_API_KEY": system.api_key,
            "LIVEKIT_API_SECRET": system.api_secret,
            **system.letta_settings,
            "MODELS_URL": system.models_url,
            "AGENT_URL": system.agent_url,
            "PROCESS_STATUS_DIR": str(system.home / "run"),
        }

    def ask_room(self, room: str) -> Ask:
        """Ask this proxy for the verdicts of a room."""
        return of_room(self.url, room)

    @contextmanager
    def running(self, **changed: str | None) -> Iterator[None]:
        """Start it with these settings changed (None: not set); end it."""
        settings = {**os.environ, **self._settings, **changed}
        environment = {name: value for name, value in settings.items() if value is not None}
        with (
            self._log.open("a") as log,
            subprocess.Popen(
                [sys.executable, "-m", "proxy"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                self._wait()
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=10)

    def wait_until_open(self) -> None:
        """Return when its calls database is open; until then it keeps calls in memory."""
        deadline = time.monotonic() + OPEN_S
        while httpx.get(f"{self.url}/api/calls").status_code != 200:
            assert time.monotonic() < deadline, self._log.read_text()[-4000:]
            time.sleep(0.1)

    def _wait(self) -> None:
        transport = httpx.HTTPTransport(retries=10)  # with a growing pause between two tries
        with httpx.Client(transport=transport) as client:
            try:
                client.get(f"{self.url}/healthz").raise_for_status()
            except httpx.HTTPError as error:
                raise AssertionError(
                    f"the proxy does not answer: {error}\n{self._log.read_text()[-4000:]}"
                ) from error
