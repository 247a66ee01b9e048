"""What the launchers would say were they started now: of a system that is not running, the verdict
names what will keep it from starting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dev.doctor.finding import Finding
from dev.doctor.surroundings import Surroundings
from proxy.verdicts.health import Health, Process


def foreseen(health: Health, around: Surroundings, ports: Iterable[Finding]) -> Health:
    """`health` with a cause for each process that does not run and could not."""
    held = {
        finding.what.rpartition(" ")[2]: finding.detail
        for finding in ports
        if finding.group == "ports" and finding.state == "fail"
    }
    return replace(
        health,
        processes={
            name: _foreseen(process, around, held.get(name, ""))
            for name, process in health.processes.items()
        },
    )


def _foreseen(process: Process, around: Surroundings, held: str) -> Process:
    if process.state != "stopped" or process.cause:
        return process
    if process.name in around.refusals:
        cause, detail = around.refusals[process.name]
        return replace(process, state="failed", cause=cause, detail=detail)
    if held:
        return replace(process, state="failed", cause="port-taken", detail=held)
    # Seen once, at this moment: without a time, since the judge waits a second for a restart.
    return replace(process, since=None)
