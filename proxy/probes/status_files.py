"""What the launchers say of the processes of this machine (`PROCESS_STATUS_DIR/NAME.json`),
corrected by what is seen of their processes."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

from common import process_records
from common.process_records import (
    READY,
    RESTARTING,
    STARTING,
    STOPPED,
    ProcessRecord,
    RecordError,
)

log = logging.getLogger("proxy.health")


def read(folder: Path, name: str) -> ProcessRecord | None:
    """The record of process `name`, corrected where its launcher is gone; None without a file."""
    try:
        record = process_records.load(folder / f"{name}.json")
    except RecordError as error:
        log.warning("A status file cannot be read: %s", error)
        return None
    if record is None:
        return None
    if record.state != STOPPED and not record.launcher_alive:
        return replace(
            record,
            state=STOPPED,
            detail=f"Its launcher is gone; it was {record.state} before.",
            since=record.updated or record.since,
        )
    if not _program_is_gone(record):
        return record
    if record.launcher is not None and record.launcher.stopped:
        return replace(
            record,
            state=STOPPED,
            detail="its program has ended, and its launcher is stopped as by Ctrl-Z: "
            f"kill -CONT {record.launcher.pid} lets it start the program again",
            since=record.updated or record.since,
        )
    if record.state == READY and record.program is not None:
        # Its launcher notices in a moment, and writes how it ended.
        return replace(
            record,
            state=RESTARTING,
            detail=f"its program (pid {record.program.pid}) has just ended",
            since=time.time(),
        )
    return record


def _program_is_gone(record: ProcessRecord) -> bool:
    running = record.state in (READY, STARTING)
    return running and record.program is not None and not record.program.alive
