"""The state of one launcher, kept in its record and told in its log."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.redaction import Redactor
from dev import records
from dev.logs import Log
from dev.program import Program
from dev.records import FAILED, MONITORING, READY, STOPPED, Beside, Record

LASTING = (READY, MONITORING, STOPPED)


@dataclass(frozen=True)
class Crash:
    """How the program ended against its will."""

    cause: str
    sentence: str
    log: tuple[str, ...] = ()


class State:
    """The record of this launcher; every change is on disk at once.

    A crash stays in it while the program starts again: else a person would see `starting` and
    nothing else.
    """

    def __init__(self, home: Path, record: Record, log: Log, redactor: Redactor) -> None:
        self.home = home
        self.record = record
        self.log = log
        self._redactor = redactor
        self._crash: Crash | None = None
        self._broken: Crash | None = None
        self._plain = record.detail
        self._told: object = None

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
        told = (state, self._plain, cause, tuple(log), crash)
        if told == self._told and not say:
            return  # asked several times a second, and blotting out secrets costs
        self._told = told
        self.record.state = state
        self.record.detail = self._redactor.text(self._with_crash(self._plain, crash))
        self.record.cause = cause or crash.cause
        self.record.log = [self._redactor.text(line) for line in log or crash.log]
        records.write(self.home, self.record)
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
        records.write(self.home, self.record)

    def drop_beside(self, program: Program) -> None:
        self.record.beside = [one for one in self.record.beside if one.tag != program.tag]
        records.write(self.home, self.record)

    def set_program(self, program: Program | None) -> None:
        """Record which program runs, before anything else can happen to it."""
        self.record.program = program.identity if program else None
        self.record.tag = program.tag if program else ""
        records.write(self.home, self.record)

    def keep(self) -> None:
        """Write the record again if somebody removed it: without it nobody finds what runs here."""
        if not records.path(self.home, self.record.name).exists():
            self.log.say("the record of this process was removed: it is written again")
            records.write(self.home, self.record)

    def detail_from_output(self) -> bool:
        """Let the program's own last line tell how far it is; False when it has said nothing."""
        last = self.log.last[-1] if self.log.last else ""
        if last and last != self._plain:
            self.set(self.record.state, last)
        return bool(last)
