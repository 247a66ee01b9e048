"""Starts workers as somebody brings them, and calls to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.faults.call import Call, FaultyAccess
from tests.running_system import ROOT, System

REGISTERED = "registered worker"
REGISTER_LIMIT_S = 60.0
NAME = "stock-worker"


@contextmanager
def stock_worker(
    system: System, folder: Path, *, name: str = NAME, fault: str = "", **settings: str
) -> Iterator[Path]:
    """`tests.anothers.stock_worker` at this system's LiveKit server and models; gives its log."""
    log = folder / f"{name or 'unnamed'}-{time.monotonic_ns()}.log"
    environment = {
        **os.environ,
        "LIVEKIT_URL": system.livekit_url,
        "LIVEKIT_API_KEY": system.api_key,
        "LIVEKIT_API_SECRET": system.api_secret,
        "OPENAI_BASE_URL": system.models_url,
        "OPENAI_API_KEY": "none",  # the plugins insist on one; the models server takes any
        "AGENT_NAME": name,
        "STOCK_FAULT": fault,
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.anothers.stock_worker", "start"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + REGISTER_LIMIT_S
        while REGISTERED not in log.read_text(errors="replace"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield log
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A worker waits for its calls to end; what is left of it after a moment is killed."""
    with suppress(psutil.NoSuchProcess):
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        process.send_signal(signal.SIGTERM)
        for member in psutil.wait_procs(family, 3)[1]:
            with suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait(10)


class AnotherAccess(FaultyAccess):
    """The proxy's way in, which asks for an agent of another name."""

    def __init__(self, url: str, agent_name: str, metadata: str) -> None:
        super().__init__(url, None, asks=True)
        self.agent_name = agent_name
        self.metadata = metadata

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        wish = {"room": room, "agent_name": self.agent_name, "metadata": self.metadata}
        return str((await self._ask("POST", "/api/dispatch-agent", wish))["message"])


class AnotherCall(Call):
    """A call for which an agent of another worker is asked, by its name."""

    def __init__(
        self, system: System, *, name: str = NAME, metadata: str = "", asks: bool = True
    ) -> None:
        super().__init__(system, asks=asks)
        if asks:
            self._access = AnotherAccess(system.proxy_url, name, metadata)

    def ask_again(self) -> None:
        """Ask for the agent once more, as who has just started its worker."""
        self._run(self._access.dispatch(self.room, None))

    def answered_by_words(self, words: str, *, tries: int = 4) -> None:
        """Say something, again when it is not answered: what was broken comes back in its time."""
        for _ in range(tries):
            turn = self._run(self.caller.say(words, timeout=12.0))
            if turn.answered:
                return
        raise AssertionError(turn.problem)
