"""Letta: does it run, and does it take our key?"""

from __future__ import annotations

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import down, evidence, logs, restart, stage
from proxy.verdicts.system_health import ProbeResult
from proxy.verdicts.verdict import Verdict

NAME = "letta"


@stage.cause("letta-key-rejected")
def key_rejected(call: CallView) -> Verdict | None:
    probe = call.probe("letta key")
    error = _unauthorized(call)
    if probe is not None and probe.problem in ("rejected", "missing"):
        lacks = (
            "wants a key and got none" if probe.problem == "missing" else "rejects LETTA_API_KEY"
        )
        return stage.failing(
            f"Letta at {probe.target} {lacks} ({probe.status or probe.detail}).",
            "Set LETTA_API_KEY in .env to a key of that server, then ./restart_voice_system.sh",
            quote.probe(probe),
            error,
            since=probe.at,
        )
    if error is None or _accepted_since(probe, error):
        return None
    return stage.failing(
        f"Letta rejects the key: {error.data.get('message')}.",
        "Set LETTA_API_KEY in .env to a key of that server, then ./restart_voice_system.sh agent",
        error,
        since=error.at,
    )


@stage.cause("letta-down")
def letta_down(call: CallView) -> Verdict | None:
    process = call.process(NAME)
    if process is None:
        return None
    unreachable = process.state == "monitoring" and process.answers is False
    if not down(call, process) and not unreachable:
        return None
    what = "does not answer" if unreachable else f"is not running ({process.state})"
    step = (
        "Is LETTA_BASE_URL right, and that server up?"
        if unreachable
        else f"{restart(NAME)}; its log: {logs(NAME)}"
    )
    return stage.failing(
        f"Letta {what}: {process.detail.rstrip('.')}.", step, evidence(process), since=process.since
    )


def _unauthorized(call: CallView) -> Event | None:
    """Letta's refusal of the worker's key, unless it has worked since."""
    error = call.last("think.error", code="letta_unauthorized")
    if error is None or call.after(error, "think.first_token", "join.conversation") is not None:
        return None
    return error


def _accepted_since(probe: ProbeResult | None, error: Event) -> bool:
    """Whether Letta was asked with the key after the error, and took it."""
    return probe is not None and probe.at is not None and probe.at > error.at + 5.0
