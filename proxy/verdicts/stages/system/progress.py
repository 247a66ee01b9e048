"""How the system stands when no cause applies: ready, on its way, or not well, unknown why."""

from __future__ import annotations

from dataclasses import replace

from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import seconds
from proxy.verdicts.stages.system.base import (
    ON_THE_WAY,
    PATIENCE,
    STARTS,
    STATUS,
    TITLES,
    age,
    evidence,
    logs,
    restart,
    stage,
)
from proxy.verdicts.system_health import Process
from proxy.verdicts.verdict import UNKNOWN, Verdict


@stage.progress
def progress(call: CallView) -> Verdict:
    processes = call.health.processes
    if not processes:
        return stage.not_reached("Nothing is known of the processes yet.")
    for process in processes.values():
        late = age(call, process) >= PATIENCE.get(process.name, 20.0)
        if process.state in ("failed", "stopped") or (process.state == "starting" and late):
            return _unwell(process)
    for process in processes.values():
        if process.state in ON_THE_WAY:
            return _on_its_way(process)
    for process in processes.values():
        if process.answers is False and process.state == "ready":
            return _silent(call, process)
    return stage.ok("Every process is ready.")


def _on_its_way(process: Process) -> Verdict:
    title = TITLES.get(process.name, process.name)
    usual = seconds(STARTS.get(process.name, 5.0) * 1000)
    detail = process.detail.rstrip(".")
    if process.state == "preparing":
        said = f"{title} is being prepared: {detail or 'no detail yet'}."
    elif process.cause in ("killed", "crashed"):
        said = f"{title} is starting again, usually in {usual}: {detail}."
    else:
        said = f"{title} is starting (usually {usual}): {detail}."
    return stage.waiting(said, evidence(process), since=process.since)


def _silent(call: CallView, process: Process) -> Verdict:
    """It runs and did not answer just now: busy for a moment, or hanging."""
    return stage.waiting(
        f"{TITLES.get(process.name, process.name)} did not answer just now: "
        f"{process.detail.rstrip('.')}.",
        evidence(process),
        since=process.since,
    )


def _unwell(process: Process) -> Verdict:
    title = TITLES.get(process.name, process.name)
    return replace(
        stage.failing(
            f"{title} is {process.state}: {process.detail.rstrip('.') or 'it says no more'}. The "
            "cause is not known.",
            f"{restart(process.name)}; its log: {logs(process.name)}; {STATUS}",
            evidence(process),
            since=process.since,
        ),
        cause=UNKNOWN,
    )
