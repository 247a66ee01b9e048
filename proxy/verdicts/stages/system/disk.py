"""The disk that holds logs, memory and calls."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import stage
from proxy.verdicts.verdict import Verdict

FULL = ("disk is full", "no space left", "disk full", "enospc")


@stage.cause("disk-full")
def disk_full(call: CallView) -> Verdict | None:
    machine, database = call.machine, call.probe("calls database")
    said = database is not None and any(word in database.detail.lower() for word in FULL)
    low = (
        machine is not None
        and machine.disk_free is not None
        and machine.disk_free < machine.disk_low
    )
    if not said and not low:
        return None
    free = machine.disk_free if machine is not None and machine.disk_free is not None else 0
    place = machine.disk_path if machine is not None and machine.disk_path else "the state folder"
    return stage.failing(
        f"The disk of {place} is full: {free // 2**20} MB are free.",
        f"Make room there: df -h {place}; du -sh {place}/* shows what fills it (old logs may go).",
        quote.machine(call.health, f"{free // 2**20} MB free at {place}"),
        quote.probe(database) if said and database is not None else None,
    )
