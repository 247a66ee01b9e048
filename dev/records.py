"""The record of a process: `VOICE_HOME/run/NAME.json`, what its launcher says of itself and of its
program.

Written by the launcher alone, whole or not at all; read by restart_voice_system.sh, by the next
launcher (which cleans up what a killed one left) and by the proxy's health. A pid counts only
together with its start time.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

START_TIME_TOLERANCE_S = 1.0
PREPARING, STARTING, READY, RESTARTING = "preparing", "starting", "ready", "restarting"
FAILED, MONITORING, STOPPED = "failed", "monitoring", "stopped"


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    start_time: float

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def process(self) -> psutil.Process | None:
        """The living process, or None when it is gone or the pid is another's now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.start_time) <= START_TIME_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        return self.process() is not None


@dataclass(frozen=True)
class Beside:
    """A program that runs beside the one that does the work: one that may take over from it, or
    one that has handed over and ends its calls."""

    program: Identity
    tag: str


@dataclass
class Record:
    """The state of one process of the Procfile, as its launcher knows it."""

    name: str
    state: str
    detail: str = ""
    cause: str = ""  # what is wrong, as a code: proxy/verdicts/health.py lists them
    log: list[str] = field(default_factory=list)  # the program's last lines that tell why
    since: float = field(default_factory=time.time)
    launcher: Identity | None = None
    program: Identity | None = None
    port: int | None = None
    answers: bool | None = None  # of a monitored service; None before it was asked
    restarts: int = 0
    ready_after_s: float | None = None
    launched: float = 0.0  # when this run of the launcher began; a restart moves it
    honcho: Identity | None = None
    tag: str = ""  # marks the environment of everything the program starts
    beside: list[Beside] = field(default_factory=list)
    fingerprint: str = ""
    updated: float = 0.0

    @property
    def launcher_alive(self) -> bool:
        return self.launcher is not None and self.launcher.alive


def path(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"


def write(home: Path, record: Record) -> None:
    record.updated = time.time()
    target = path(home, record.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_text(json.dumps(asdict(record), indent=1))
    part.replace(target)


def read(home: Path, name: str) -> Record | None:
    """The record of `name`, None when there is none or it is not readable as one."""
    return load(path(home, name))


def load(file: Path) -> Record | None:
    try:
        values: dict[str, Any] = dict(json.loads(file.read_text()))
        for key in ("launcher", "program", "honcho"):
            if values.get(key) is not None:
                values[key] = Identity(**values[key])
        values["beside"] = [
            Beside(Identity(**one["program"]), one["tag"]) for one in values.get("beside", [])
        ]
        return Record(**values)
    except (FileNotFoundError, ValueError, TypeError):
        return None
