"""What the launchers say of the processes of this machine: `PROCESS_STATUS_DIR/NAME.json`."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psutil
from pydantic import BaseModel, ValidationError

from proxy.verdicts.system_health import State

log = logging.getLogger("proxy.health")

START_TIME_TOLERANCE_S = 1.0
FILE_MAX_BYTES = 64 * 1024


class Pid(BaseModel):
    """A process, recognisable even after its number was given to another."""

    pid: int
    start_time: float

    @property
    def alive(self) -> bool:
        return self._status() is not None

    @property
    def stopped(self) -> bool:
        """Whether it stands still, as after Ctrl-Z."""
        return self._status() == psutil.STATUS_STOPPED

    def _status(self) -> str | None:
        """As the system calls it; None when it is gone."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.start_time) > START_TIME_TOLERANCE_S:
                return None
            status = process.status()
        except psutil.NoSuchProcess:
            return None
        return None if status == psutil.STATUS_ZOMBIE else str(status)


class StatusFile(BaseModel):
    """The file of one process. Times are seconds since the epoch."""

    name: str
    state: State
    since: float
    detail: str
    launcher: Pid | None
    program: Pid | None = None
    port: int | None = None
    answers: bool | None = None
    """Of a monitored service: whether it did when the launcher last asked."""
    restarts: int = 0
    ready_after_s: float | None = None
    updated: float = 0.0
    cause: str = ""
    """What is wrong, as a code (`proxy.verdicts.system_health.Process` lists them)."""
    log: list[str] = []
    """The last lines of the program's log that tell."""


def read(folder: Path, name: str) -> StatusFile | None:
    """The file of process `name`, corrected where its launcher is gone; None without a file."""
    path = folder / f"{name}.json"
    try:
        with path.open("rb") as file:
            status = StatusFile.model_validate_json(file.read(FILE_MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("The status file %s cannot be read: %s", path.name, error)
        return None
    if status.state != "stopped" and (status.launcher is None or not status.launcher.alive):
        return status.model_copy(
            update={
                "state": "stopped",
                "detail": f"Its launcher is gone; it was {status.state} before.",
                "since": status.updated or status.since,
            }
        )
    if not _program_is_gone(status):
        return status
    if status.launcher is not None and status.launcher.stopped:
        return status.model_copy(
            update={
                "state": "stopped",
                "detail": f"its program has ended, and its launcher is stopped as by Ctrl-Z: "
                f"kill -CONT {status.launcher.pid} lets it start the program again",
                "since": status.updated or status.since,
            }
        )
    if status.state == "ready" and status.program is not None:
        # Its launcher notices in a moment, and writes how it ended.
        return status.model_copy(
            update={
                "state": "restarting",
                "detail": f"its program (pid {status.program.pid}) has just ended",
                "since": time.time(),
            }
        )
    return status


def _program_is_gone(status: StatusFile) -> bool:
    running = status.state in ("ready", "starting")
    return running and status.program is not None and not status.program.alive
