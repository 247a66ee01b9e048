"""What the worker itself knows of its jobs: taken or refused, and how their processes ended.

Written by the worker's main process into a file of its own for each job, because a job process that
is killed can tell nothing.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from livekit.agents import JobRequest

from agent.events import Events
from agent.timeline.spool import Spool, left_alone, parsed, spooled, stem_of
from common.code_version import code_version

WRITER = "-worker"  # after the job's id
STOPPED = "the worker was stopped"
CRASHED = "unhandled exception while running the job task"  # as livekit-agents logs it


@dataclass(frozen=True)
class EndedProcess:
    """A job process that is gone; a negative `exit_code` is the signal that ended it."""

    job_id: str
    room: str
    pid: int | None
    exit_code: int | None
    killed_by_worker: bool


class JobBook:
    """The events of the worker's jobs; `folder` is None without a timeline. `sfu` is the address of
    the worker's LiveKit server."""

    def __init__(self, folder: Path | None, sfu: str = "") -> None:
        self.code = code_version("agent", "common")
        self._sfu = sfu
        self.stopping = False  # the worker ends its calls, whatever they are at
        self._folder = folder
        self._open: dict[str, tuple[Events, Spool]] = {}
        self._errors = LastErrors()
        if folder is not None:
            logging.getLogger().addHandler(self._errors)

    def accepted(self, request: JobRequest, worker_id: str | None) -> None:
        self._emit(
            request.id,
            request.room.name,
            "accepted",
            worker_id=worker_id,
            code=self.code,
            sfu=self._sfu,
        )

    def refused(self, request: JobRequest, reason: str) -> None:
        self._emit(request.id, request.room.name, "refused", reason=reason)
        self._close(request.id)

    def process_ended(self, ended: EndedProcess) -> None:
        error = self._errors.of.pop(ended.job_id, "")
        code = ended.exit_code
        stopped = self.stopping and code == 0 and not error
        self._emit(
            ended.job_id,
            ended.room,
            "process_ended",
            pid=ended.pid,
            exit_code=code if code is None or code >= 0 else None,
            signal=signal.Signals(-code).name if code is not None and code < 0 else None,
            reason=STOPPED if stopped else reason(ended, error),
            error=error or None,
            worker_stopped=self.stopping,
        )
        self._close(ended.job_id)

    def close(self) -> None:
        """The worker stops: the jobs it still has end with it."""
        for job_id in list(self._open):
            self._emit(
                job_id,
                "",
                "process_ended",
                pid=None,
                exit_code=None,
                signal=None,
                reason=STOPPED,
                error=None,
                worker_stopped=True,
            )
            self._close(job_id)
        logging.getLogger().removeHandler(self._errors)

    def _emit(self, job_id: str, room: str, name: str, **data: object) -> None:
        if self._folder is None:
            return
        if job_id not in self._open:
            events, spool = (
                Events(room, f"{job_id}{WRITER}"),
                Spool(self._folder, room, f"{job_id}{WRITER}"),
            )
            events.sinks.append(spool)
            self._open[job_id] = events, spool
        self._open[job_id][0].emit("job", name, job_id=job_id, **data)

    def _close(self, job_id: str) -> None:
        if kept := self._open.pop(job_id, None):
            kept[1].close()


def reason(ended: EndedProcess, error: str) -> str:
    """In words, how the process of a job ended."""
    code = ended.exit_code
    if error:
        return f"the job crashed: {error}"
    if ended.killed_by_worker:
        return "the worker killed it, because it did not answer or did not end in time"
    if code is not None and code < 0:
        return f"it was killed by {signal.Signals(-code).name}"
    return f"it exited with code {code}" if code else "the job is over"


class LastErrors(logging.Handler):
    """Notes the last line of the traceback of each job that crashed; their entries come here."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.of: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        job_id = getattr(record, "job_id", None)
        if job_id and record.getMessage().startswith(CRASHED):
            self.of[job_id] = record.getMessage().rstrip().rpartition("\n")[2]


def report_orphans(folder: Path) -> None:
    """Write the end of jobs whose worker died before it could, as far as its files are here."""
    for path in list(spooled(folder)):
        if not stem_of(path).endswith(WRITER):
            continue
        with left_alone(path) as alone:
            last = parsed(path.read_bytes().rstrip().rpartition(b"\n")[2]) if alone else None
            if last is None or last["name"] != "accepted":
                continue
            orphan = {
                **last,
                "at": round(time.time(), 4),
                "name": "process_ended",
                "data": {
                    "job_id": last["data"]["job_id"],
                    "pid": None,
                    "exit_code": None,
                    "signal": None,
                    "reason": f"the worker that ran it is gone (noticed by worker {os.getpid()})",
                    "error": None,
                },
                "key": f"{last['key']}-orphan",
            }
            with path.open("ab") as file:
                file.write(json.dumps(orphan, ensure_ascii=False).encode() + b"\n")
