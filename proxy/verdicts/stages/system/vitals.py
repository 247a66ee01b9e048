"""Processes that work, but not as well as they should: much memory, many errors, a late loop."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import TITLES, logs, restart, stage
from proxy.verdicts.system_health import Process, ProcessVitals
from proxy.verdicts.verdict import Evidence, Verdict

MOST_ERRORS = 10
LATE_S = 1.0


@stage.cause("memory-over-limit")
def memory_over_limit(call: CallView) -> Verdict | None:
    """The worker, or the process of a call, has grown over AGENT_MEMORY_LIMIT_MB."""
    for process, one in _all(call):
        memory, limit = one.memory_mb, one.memory_limit_mb
        if memory is None or limit is None or memory <= limit:
            continue
        if one is process.vitals[0]:
            who, then = TITLES.get(process.name, process.name), "it is replaced between two calls"
        else:
            where = f" of room {one.room}" if one.room else ""
            who, then = f"The job process{where} (pid {one.pid})", "it ends with its call"
        return stage.ok(
            f"{who} has {memory} MB of memory, more than AGENT_MEMORY_LIMIT_MB ({limit}): {then}.",
            Evidence(f"pid {one.pid}: {memory} MB of memory", f"status of {process.name}"),
            next=f"When it has so much with each call, raise AGENT_MEMORY_LIMIT_MB, then "
            f"{restart(process.name)}",
        )
    return None


@stage.cause("loop-lag")
def loop_lag(call: CallView) -> Verdict | None:
    """Something in a process holds up everything else in it; of a job process `job` says so."""
    for process in call.health.processes.values():
        lag = process.vitals[0].lag if process.vitals else None
        if lag is not None and lag >= LATE_S:
            title = TITLES.get(process.name, process.name)
            return stage.ok(
                f"{title} stood still for {lag:.1f} s just now: something in it, or the machine, "
                "held up its event loop.",
                Evidence(f"event loop late by {lag:.2f} s", f"status of {process.name}"),
                next=f"Is the machine busy (top)? Else its log may say at what: "
                f"{logs(process.name)}",
            )
    return None


@stage.cause("many-errors")
def many_errors(call: CallView) -> Verdict | None:
    for process in call.health.processes.values():
        errors = process.vitals[0].errors if process.vitals else None
        if errors is not None and errors > MOST_ERRORS:
            title = TITLES.get(process.name, process.name)
            return stage.ok(
                f"{title} has logged {errors} errors within ten minutes.",
                Evidence(f"{errors} errors within ten minutes", f"status of {process.name}"),
                next=f"Read them: {logs(process.name)}",
            )
    return None


def _all(call: CallView) -> Iterator[tuple[Process, ProcessVitals]]:
    for process in call.health.processes.values():
        for one in process.vitals:
            yield process, one
