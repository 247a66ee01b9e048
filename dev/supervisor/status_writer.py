"""What a launcher says of itself and of its program, in the record of its process
(`common/process_records.py`): without secrets, and with a crash in sight until all is well."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from common import process_records
from common.process_records import (
    FAILED,
    MONITORING,
    READY,
    STOPPED,
    Beside,
    ProcessRecord,
    ProcessState,
)
from dev.supervisor.crash_excerpt import broken_code
from dev.supervisor.process_log import ProcessLog

if TYPE_CHECKING:  # it stands on this file
    from dev.supervisor.program import Program

SETTLED = (READY, MONITORING, STOPPED)
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|AUTH|DSN|DATABASE_URL", re.I)


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


def record_redactor(environ: Mapping[str, str], root: str) -> tuple[Redacts, str | None]:
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


class StatusWriter:
    """The record of this launcher; every change is on disk at once.

    A crash stays in it while the program starts again: else a person would see `starting` and
    nothing else.
    """

    def __init__(
        self, home: Path, record: ProcessRecord, log: ProcessLog, redactor: Redacts
    ) -> None:
        self.home = home
        self.record = record
        self.log = log
        self._redactor = redactor
        self._crash: Crash | None = None
        self._broken: Crash | None = None
        self._plain = record.detail
        self._shown: object = None

    @property
    def now(self) -> ProcessState:
        return self.record.state

    def set(
        self,
        state: ProcessState,
        detail: str | None = None,
        *,
        cause: str = "",
        log: Sequence[str] = (),
        say: bool = False,
    ) -> None:
        """Enter `state`, or change its detail and cause; `say` tells it in the log as well."""
        if state != self.record.state:
            self.record.since = time.time()
        if state in SETTLED:
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
        process_records.write(self.home, self.record)
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
        process_records.write(self.home, self.record)

    def drop_beside(self, program: Program) -> None:
        self.record.beside = [other for other in self.record.beside if other.tag != program.tag]
        process_records.write(self.home, self.record)

    def set_program(self, program: Program | None) -> None:
        """Record which program runs, before anything else can happen to it."""
        self.record.program = program.identity if program else None
        self.record.tag = program.tag if program else ""
        process_records.write(self.home, self.record)

    def keep(self) -> None:
        """Write the record again if somebody removed it: without it nobody finds what runs here."""
        if not process_records.path(self.home, self.record.name).exists():
            self.log.say("the record of this process was removed: it is written again")
            process_records.write(self.home, self.record)

    def detail_from_output(self) -> bool:
        """Let the program's own last line tell how far it is; False when it has said nothing."""
        last = self.log.last[-1] if self.log.last else ""
        if last and last != self._plain:
            self.set(self.record.state, last)
        return bool(last)
