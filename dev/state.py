"""The state of one launcher, kept in its record and told in its log."""

import time
from pathlib import Path

from dev import records
from dev.logs import Log
from dev.program import Program
from dev.records import FAILED, Record


class State:
    """The record of this launcher; every change is on disk at once."""

    def __init__(self, home: Path, record: Record, log: Log) -> None:
        self.home = home
        self.record = record
        self.log = log

    @property
    def now(self) -> str:
        return self.record.state

    def set(self, state: str, detail: str | None = None, *, say: bool = False) -> None:
        """Enter `state`, or change its detail; `say` tells it in the log as well."""
        if state != self.record.state:
            self.record.since = time.time()
        self.record.state = state
        if detail is not None:
            self.record.detail = detail
        records.write(self.home, self.record)
        if say:
            level = "ERROR" if state == FAILED else "INFO"
            self.log.say(f"{state}: {self.record.detail}", level)

    def set_program(self, program: Program | None) -> None:
        """Record which program runs, before anything else can happen to it."""
        self.record.program = program.identity if program else None
        self.record.tag = program.tag if program else ""
        records.write(self.home, self.record)

    def detail_from_output(self) -> bool:
        """Let the program's own last line tell how far it is; False when it has said nothing."""
        last = self.log.last[-1] if self.log.last else ""
        if last and last != self.record.detail:
            self.set(self.record.state, last)
        return bool(last)
