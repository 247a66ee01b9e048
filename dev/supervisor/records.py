"""The record of a process: `VOICE_HOME/run/NAME.json`, what its launcher says of itself and of its
program.

Written by the launcher alone, whole or not at all; read by restart_voice_system.sh, by the next
launcher (which cleans up what a killed one left) and by the proxy's health. A pid counts only
together with its start time.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from dev.supervisor.crash_excerpt import broken_code
from dev.supervisor.log import Log

if TYPE_CHECKING:  # it stands on this file
    from dev.supervisor.program import Program

START_TIME_TOLERANCE_S = 1.0
PREPARING, STARTING, READY, RESTARTING = "preparing", "starting", "ready", "restarting"
FAILED, MONITORING, STOPPED = "failed", "monitoring", "stopped"
LASTING = (READY, MONITORING, STOPPED)
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|AUTH|DSN|DATABASE_URL", re.I)


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid."""

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


@dataclass(frozen=True)
class Beside:
    """A program that runs beside the one that does the work: one that may take over from it, or
    one that has handed over and ends its calls."""

    program: Identity
    tag: str


@dataclass
class ProcessRecord:
    """The state of one process of the Procfile, as its launcher knows it."""

    name: str
    state: str
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
    return load(path(home, name))


def load(file: Path) -> ProcessRecord | None:
    try:
        values: dict[str, Any] = dict(json.loads(file.read_text()))
        for key in ("launcher", "program", "honcho"):
            if values.get(key) is not None:
                values[key] = Identity(**values[key])
        values["beside"] = [
            Beside(Identity(**program["program"]), program["tag"])
            for program in values.get("beside", [])
        ]
        return ProcessRecord(**values)
    except (FileNotFoundError, ValueError, TypeError):
        return None


class Redacts(Protocol):
    """What blots the secrets out of a text."""

    def text(self, text: str) -> str: ...


class PlainRedactor:
    """Blots out the values of settings whose names say that they are secret, as they stand there.

    For a launcher whose common/ cannot be loaded.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        secrets = {
            value for name, value in environ.items() if len(value) >= 4 and SECRET_NAME.search(name)
        }
        self._secrets = sorted(secrets, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def redactor(environ: Mapping[str, str], root: str) -> tuple[Redacts, str | None]:
    """What blots the secrets of `environ` out of a record; and the file below `root` and line of
    common/ that is broken, when the better one cannot be loaded."""
    try:
        # Imported here, since a launcher must run whatever is broken outside of this folder.
        from common import known_secrets

        return known_secrets.redactor(environ), None
    except Exception as error:  # any code may raise anything when it is loaded
        return PlainRedactor(environ), broken_code(error, root)


@dataclass(frozen=True)
class Crash:
    """How the program ended against its will."""

    cause: str
    sentence: str
    log: tuple[str, ...] = ()


class Status:
    """The record of this launcher; every change is on disk at once.

    A crash stays in it while the program starts again: else a person would see `starting` and
    nothing else.
    """

    def __init__(self, home: Path, record: ProcessRecord, log: Log, redactor: Redacts) -> None:
        self.home = home
        self.record = record
        self.log = log
        self._redactor = redactor
        self._crash: Crash | None = None
        self._broken: Crash | None = None
        self._plain = record.detail
        self._shown: object = None

    @property
    def now(self) -> str:
        return self.record.state

    def set(
        self,
        state: str,
        detail: str | None = None,
        *,
        cause: str = "",
        log: Sequence[str] = (),
        say: bool = False,
    ) -> None:
        """Enter `state`, or change its detail and cause; `say` tells it in the log as well."""
        if state != self.record.state:
            self.record.since = time.time()
        if state in LASTING:
            self._crash = None
        crash = self._crash or (self._broken if state == READY else None) or Crash("", "")
        self._plain = self._plain if detail is None else detail
        shown = (state, self._plain, cause, tuple(log), crash)
        if shown == self._shown and not say:
            return  # asked several times a second, and blotting out secrets costs
        self._shown = shown
        self.record.state = state
        self.record.detail = self._redactor.text(self._with_crash(self._plain, crash))
        self.record.cause = cause or crash.cause
        self.record.log = [self._redactor.text(line) for line in log or crash.log]
        write(self.home, self.record)
        if say:
            level = "ERROR" if state == FAILED else "INFO"
            self.log.say(f"{state}: {self.record.detail}", level)

    def crashed(self, crash: Crash) -> None:
        """Keep in mind how the program ended, until it is ready again."""
        self._crash = crash

    def code_broken(self, how: Crash | None) -> None:
        """Keep in mind what is wrong with changed code, while the program that runs goes on with
        the code from before; None when there is nothing wrong any more."""
        self._broken = how
        self.set(self.now)

    def _with_crash(self, detail: str, crash: Crash) -> str:
        if crash.sentence in detail:
            return detail
        if crash is self._broken:
            return f"{detail}; {crash.sentence}"
        return f"{detail} (started again: {crash.sentence})"

    def add_beside(self, program: Program) -> None:
        """Record a program that runs beside the one that does the work."""
        self.record.beside.append(Beside(program.identity, program.tag))
        write(self.home, self.record)

    def drop_beside(self, program: Program) -> None:
        self.record.beside = [other for other in self.record.beside if other.tag != program.tag]
        write(self.home, self.record)

    def set_program(self, program: Program | None) -> None:
        """Record which program runs, before anything else can happen to it."""
        self.record.program = program.identity if program else None
        self.record.tag = program.tag if program else ""
        write(self.home, self.record)

    def keep(self) -> None:
        """Write the record again if somebody removed it: without it nobody finds what runs here."""
        if not path(self.home, self.record.name).exists():
            self.log.say("the record of this process was removed: it is written again")
            write(self.home, self.record)

    def detail_from_output(self) -> bool:
        """Let the program's own last line tell how far it is; False when it has said nothing."""
        last = self.log.last[-1] if self.log.last else ""
        if last and last != self._plain:
            self.set(self.record.state, last)
        return bool(last)
