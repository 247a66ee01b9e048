"""The offline models server."""

from __future__ import annotations

from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import down, evidence, logs, restart, stage
from proxy.verdicts.verdict import Verdict

NAME = "models"


@stage.cause("models-down")
def models_down(call: CallView) -> Verdict | None:
    process = call.process(NAME)
    if process is None:
        return None
    silent = process.state == "monitoring" and process.answers is False
    if not down(call, process) and not (silent and _needed(call)):
        return None
    return stage.failing(
        f"The models server is not there ({process.state}): {process.detail.rstrip('.')}. Without "
        "it nothing is heard, thought or said offline.",
        f"{restart(NAME)}; its log: {logs(NAME)}",
        evidence(process),
        since=process.since,
    )


def _needed(call: CallView) -> bool:
    """A monitor also stands where nothing is offline; then its silence is nobody's trouble."""
    process = call.process(NAME)
    return process is not None and "MODELS_URL" in process.detail
