"""Ports that somebody else holds."""

from __future__ import annotations

from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import TITLES, evidence, stage, with_cause
from proxy.verdicts.verdict import Verdict


@stage.cause("port-taken")
def port_taken(call: CallView) -> Verdict | None:
    """The launcher names who holds the port, and the setting that moves it."""
    process = with_cause(call, "port-taken")
    if process is None:
        return None
    return stage.failing(
        f"{TITLES.get(process.name, process.name)} cannot start, its port is taken: "
        f"{process.detail.rstrip('.')}.",
        "End the process named there, or move ours by the setting named there in .env; it starts "
        "by itself when the port is free.",
        evidence(process),
        since=process.since,
    )
