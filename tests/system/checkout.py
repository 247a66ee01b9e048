"""A checkout of its own for a test, in a folder with spaces: the real dev/, quick programs."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from dev.supervisor import ports
from tests.running_system import PORT_SETTINGS, ROOT, free_ports

DEADLINE_S = 30.0
NAMES = ("livekit", "letta", "agent", "proxy")


def wait_for(what: str, condition: Callable[[], object], limit_s: float = DEADLINE_S) -> None:
    """Wait until `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; a container may have nobody who collects the dead."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Checkout:
    """The folder, its settings, and what runs in it."""

    root: Path
    exported: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "state folder"

    def environ(self, **more: str) -> dict[str, str]:
        return {**os.environ, **self.exported, **more}

    def command(
        self, *words: str, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ./restart_voice_system.sh to its end."""
        return subprocess.run(
            [str(self.root / "restart_voice_system.sh"), *words],
            cwd=cwd or self.root,
            env=self.environ(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )

    def honcho(self, *names: str, **more: str) -> subprocess.Popen[str]:
        """`honcho start` as a person types it."""
        with (self.root / "honcho.out").open("w") as output:
            process = subprocess.Popen(
                [str(self.root / ".venv/bin/honcho"), "start", *(names or NAMES)],
                cwd=self.root,
                env=self.environ(**more),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def record(self, name: str) -> dict[str, Any]:
        """What the launcher wrote of itself; empty before the first time."""
        try:
            found: dict[str, Any] = json.loads((self.home / "run" / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def state(self, name: str) -> str:
        return str(self.record(name).get("state"))

    def wait_ready(self, *names: str) -> None:
        for name in names or NAMES:
            wait_for(f"{name} ready", partial(self.is_ready, name))

    def is_ready(self, name: str) -> bool:
        return self.state(name) == "ready"

    def program_pid(self, name: str) -> int:
        return int(self.record(name)["program"]["pid"])

    def log(self, name: str) -> str:
        return (self.home / "logs" / f"{name}.log").read_text()

    def seen_environ(self, name: str) -> dict[str, str]:
        """The environment that the program `name` really got."""
        found: dict[str, str] = json.loads((self.home / f"{name}.environ").read_text())
        return found

    def behave(self, name: str, how: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / f"{name}.behave").write_text(how)

    def processes(self) -> list[str]:
        """Every living process that works in this checkout, as text."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(self.root):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def assert_nothing_left(self) -> None:
        wait_for("no process left", lambda: not self.processes(), 12)
        assert all(ports.is_free(int(self.exported[name])) for name in PORT_SETTINGS)


@contextmanager
def new_checkout(folder: Path) -> Iterator[Checkout]:
    """A checkout that borrows this one's environment; whatever a test leaves there is ended."""
    root = folder / "a checkout with spaces"
    root.mkdir()
    for name in ("Procfile", "restart_voice_system.sh", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    shutil.copy(ROOT / "requirements-test.txt", root)
    shutil.copytree(
        ROOT / "dev",
        root / "dev",
        ignore=shutil.ignore_patterns(
            "__pycache__", "models", "letta", "caller", "bench", "doctor"
        ),
    )
    shutil.copytree(ROOT / "common", root / "common", ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv").symlink_to(ROOT / ".venv")
    tests = root / "tests" / "system"
    tests.mkdir(parents=True)
    for name in ("standin_services.py", "standin_program.py"):
        shutil.copy(ROOT / "tests" / "system" / name, tests / name)
    ports = dict(zip(PORT_SETTINGS, map(str, free_ports(len(PORT_SETTINGS))), strict=True))
    checkout = Checkout(
        root,
        {
            **ports,
            "VOICE_HOME": "state folder",
            "VOICE_SERVICES_MODULE": "tests.system.standin_services",
            "LIVEKIT_SERVER_BIN": str(ROOT / ".voice" / "bin" / "livekit-server"),
        },
    )
    try:
        yield checkout
    finally:
        checkout.command("stop")
        for process in checkout.started:
            process.kill()
            process.wait()
        checkout.assert_nothing_left()
