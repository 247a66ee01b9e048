"""What the launchers say of the processes of this machine: `PROCESS_STATUS_DIR/NAME.json`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ValidationError

log = logging.getLogger("proxy.health")

START_TIME_TOLERANCE_S = 1.0
FILE_MAX_BYTES = 64 * 1024

State = Literal["preparing", "starting", "ready", "restarting", "failed", "monitoring", "stopped"]


class Pid(BaseModel):
    """A process, recognisable even after its number was given to another."""

    pid: int
    start_time: float

    @property
    def alive(self) -> bool:
        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(started - self.start_time) <= START_TIME_TOLERANCE_S


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
    return status
