"""A real worker for tests: LiveKit, Letta and speech are the running system's, the worker is ours.

It has a name of its own, so that the system's worker gets none of its jobs, and may be stopped.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.running_system import ROOT, System, free_ports

START_TIMEOUT = 120.0


class Worker:
    """`python -m agent` under a name of its own."""

    def __init__(self, system: System, folder: Path, name: str, **settings: str) -> None:
        self.name = name
        self.port = free_ports(1)[0]
        self.spool = folder / f"{name}.spool"
        self._log = folder / f"{name}.log"
        environment = {
            **os.environ,
            "LIVEKIT_URL": system.livekit_url,
            "LIVEKIT_API_KEY": system.api_key,
            "LIVEKIT_API_SECRET": system.api_secret,
            "LIVEKIT_AGENT_NAME": name,
            **system.letta_settings,
            "MODELS_URL": system.models_url,
            "AGENT_PORT": str(self.port),
            "AGENT_TIMELINE_URL": system.proxy_url,
            "AGENT_SPOOL_DIR": str(self.spool),
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            wait_until(self.registered, START_TIMEOUT, self.log)
        except BaseException:
            self.stop()
            raise

    def registered(self) -> bool:
        assert self.process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def jobs(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/worker", timeout=5) as answer:
            jobs: list[dict[str, Any]] = json.load(answer)["jobs"]
        return jobs

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


def wait_until(true: Callable[[], bool], timeout: float, why: Callable[[], str]) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)
