"""Processes that are alive and do nothing."""

from __future__ import annotations

from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import (
    TITLES,
    age,
    evidence,
    logs,
    restart,
    stage,
)
from proxy.verdicts.system_health import LAUNCHER
from proxy.verdicts.verdict import Evidence, Verdict

HANGS_S = 1.0


@stage.cause("process-frozen")
def process_frozen(call: CallView) -> Verdict | None:
    """Stopped by a signal or a debugger: it holds its port, and answers nobody."""
    for process in call.health.processes.values():
        if not process.frozen and process.cause != "frozen":
            continue
        who = ", ".join(process.frozen) or f"pid {process.pid}"
        watcher = bool(process.frozen) and all(LAUNCHER in each for each in process.frozen)
        title = TITLES.get(process.name, process.name)
        return stage.failing(
            f"{title} has no watcher: {who} is alive but stopped, and would not start it again."
            if watcher
            else f"{title} is frozen: {who} is alive but stopped, and does nothing.",
            f"kill -CONT {_pids(process.frozen) or process.pid} lets it go on; else "
            f"{restart(process.name)}",
            evidence(process),
            *(Evidence(f"stopped: {one}", f"status of {process.name}") for one in process.frozen),
            since=process.since,
        )
    return None


def _pids(frozen: tuple[str, ...]) -> str:
    """The numbers out of `pid 12 (command)`."""
    return " ".join(words[1] for one in frozen if len(words := one.split()) > 1)


@stage.cause("process-hangs")
def process_hangs(call: CallView) -> Verdict | None:
    """It runs, is not stopped, and has not answered its launcher several times in a row."""
    for process in call.health.processes.values():
        unregistered = process.name == "agent" and call.health.registered is False
        if process.cause != "not-ready" or unregistered or process.frozen:
            continue
        if process.answers is True or process.state == "ready" or age(call, process) < HANGS_S:
            continue
        return stage.failing(
            f"{TITLES.get(process.name, process.name)} runs and does not answer: "
            f"{process.detail.rstrip('.')}.",
            f"{restart(process.name)}; its log may say what it is at: {logs(process.name)}",
            evidence(process),
            since=process.since,
        )
    return None
