"""The record of a process of the Procfile: `VOICE_HOME/run/NAME.json`, what its launcher says of
itself and of its program.

Written by the launcher alone, whole or not at all; read by restart_voice_system.sh, by the next
launcher (which cleans up what a killed one left) and by the proxy's health. A pid counts only
together with its start time. Launchers stand on this file: it needs nothing else of common/.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

import psutil

ProcessState = Literal[
    "preparing", "starting", "ready", "restarting", "failed", "monitoring", "stopped"
]
PREPARING: Final = "preparing"
STARTING: Final = "starting"
READY: Final = "ready"
RESTARTING: Final = "restarting"
FAILED: Final = "failed"
MONITORING: Final = "monitoring"
STOPPED: Final = "stopped"
STATES = (PREPARING, STARTING, READY, RESTARTING, FAILED, MONITORING, STOPPED)

START_TIME_TOLERANCE_S = 1.0
FILE_MAX_BYTES = 256 * 1024
NUMBER = (int, float)
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "state", "detail", "cause", "tag", "fingerprint"), (str,)),
    **dict.fromkeys(("since", "updated", "launched"), NUMBER),
    **dict.fromkeys(("restarts", "repeats"), (int,)),
    "log": (list,),
    "port": (int, type(None)),
    "answers": (bool, type(None)),
    "ready_after_s": (*NUMBER, type(None)),
}


class RecordError(ValueError):
    """A file that is there and is no record."""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid; `start_time` in
    seconds since the epoch."""

    pid: int
    start_time: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
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

    @property
    def stopped(self) -> bool:
        """Whether it lives and stands still, as after Ctrl-Z."""
        process = self.process()
        try:
            return process is not None and process.status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class Beside:
    """A program that runs beside the one that does the work: one that may take over from it, or
    one that has handed over and ends its calls."""

    program: Identity
    tag: str


@dataclass
class ProcessRecord:
    """The state of one process of the Procfile, as its launcher knows it. Times are seconds since
    the epoch."""

    name: str
    state: ProcessState
    detail: str = ""
    cause: str = ""  # what is wrong, as a code: proxy/verdicts/system_health.py lists them
    log: list[str] = field(default_factory=list)  # the program's last lines that tell why
    since: float = field(default_factory=time.time)
    launcher: Identity | None = None
    program: Identity | None = None
    port: int | None = None
    answers: bool | None = None  # of a monitored service; None before it was asked
    repeats: int = 0  # how often the same error came before it was ready; 0 when none repeats
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


def write(home: Path, record: ProcessRecord) -> None:
    record.updated = time.time()
    target = path(home, record.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_text(json.dumps(asdict(record), indent=1))
    part.replace(target)


def read(home: Path, name: str) -> ProcessRecord | None:
    """The record of `name`, None when there is none or it is not readable as one."""
    try:
        return load(path(home, name))
    except RecordError:
        return None


def load(file: Path) -> ProcessRecord | None:
    """The record in `file`, None when there is no file; what a later version adds is passed over.

    Raises RecordError.
    """
    try:
        with file.open("rb") as content:
            values: dict[str, Any] = dict(json.loads(content.read(FILE_MAX_BYTES)))
        return _record(values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RecordError(f"{file.name}: {error!r}") from None


def _record(values: dict[str, Any]) -> ProcessRecord:
    known = {name.name for name in fields(ProcessRecord)}
    values = {name: value for name, value in values.items() if name in known}
    for name, value in values.items():
        if name in TYPES and not isinstance(value, TYPES[name]):
            raise TypeError(f"{name} is {value!r}")
    if values["state"] not in STATES:
        raise ValueError(f"state is {values['state']!r}")
    for name in ("launcher", "program", "honcho"):
        if values.get(name) is not None:
            values[name] = _identity(values[name])
    values["beside"] = [
        Beside(_identity(program["program"]), program["tag"])
        for program in values.get("beside", [])
    ]
    return ProcessRecord(**values)


def _identity(values: dict[str, Any]) -> Identity:
    identity = Identity(**values)
    if not isinstance(identity.pid, int) or not isinstance(identity.start_time, NUMBER):
        raise TypeError(f"a process is {values!r}")
    return identity
