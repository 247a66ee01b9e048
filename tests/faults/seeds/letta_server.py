"""A Letta of the seeds' own, beside a system that reaches it through a relay."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import httpx

from tests.faults.injected import broken_letta_memory, stopped
from tests.running_system import ROOT
from tests.system.checkout import wait_for
from tests.system.letta.lettas import PYTHON, START_S, TOKEN, Letta


class LettaServer:
    """`with LettaServer(letta) as server`: started, and started again after a kill."""

    def __init__(self, letta: Letta) -> None:
        self.letta = letta
        self.token = TOKEN
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        with (self.letta.home / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "dev.letta"],
                cwd=ROOT,
                env=self.letta.environ,
                stdout=output,
                stderr=output,
            )
        wait_for("Letta answers", self._answers, START_S)

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.letta.url}/readyz", timeout=2).status_code == 200
        return False

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def has_an_agent(self) -> None:
        """Return when it has one, which takes the models."""
        first = self.letta.home / "letta" / "app-server" / "first-agent"
        wait_for("the first agent", first.exists, START_S)

    @contextmanager
    def stands_still(self) -> Iterator[None]:
        assert self._process is not None
        with stopped(self._process.pid):
            yield

    @contextmanager
    def is_killed(self) -> Iterator[None]:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        try:
            yield
        finally:
            self._start()

    @contextmanager
    def without_memory(self) -> Iterator[None]:
        with broken_letta_memory(self.letta.home):
            yield
