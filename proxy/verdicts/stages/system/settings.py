"""Settings that no process can start with."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import TITLES, evidence, stage, with_cause
from proxy.verdicts.verdict import Verdict

BEGINS_ANEW = "what waits for it begins anew by itself"


@stage.cause("env-malformed")
def env_malformed(call: CallView) -> Verdict | None:
    """A line of .env that cannot be read; the launcher names it."""
    process = with_cause(call, "env-malformed")
    if process is None:
        return None
    return stage.failing(
        f"The file .env cannot be read: {process.detail.rstrip('.')}.",
        f"Correct that line of .env; {BEGINS_ANEW}.",
        evidence(process),
        since=process.since,
    )


@stage.cause("credentials-missing")
def credentials_missing(call: CallView) -> Verdict | None:
    """No key and secret for the LiveKit server."""
    step = (
        "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in .env to the pair of the LiveKit server, "
        "then ./restart_voice_system.sh"
    )
    probe = call.probe("livekit credentials")
    process = with_cause(call, "credentials-missing")
    if probe is not None and probe.problem == "missing":
        return stage.failing(
            f"The credentials of LiveKit are missing: {probe.detail.rstrip('.')}.",
            step,
            quote.probe(probe),
            evidence(process) if process is not None else None,
            since=probe.at,
        )
    if process is not None:
        return stage.failing(
            f"Credentials are missing: {process.detail.rstrip('.')}.",
            step,
            evidence(process),
            since=process.since,
        )
    refused = call.last("dispatch.refused", code="LIVEKIT_CREDENTIALS_MISSING") or call.last(
        "token.refused", code="LIVEKIT_CREDENTIALS_MISSING"
    )
    if refused is None or probe is not None:
        return None
    return stage.failing(
        "The proxy has no LIVEKIT_API_KEY and LIVEKIT_API_SECRET.", step, refused, since=refused.at
    )


@stage.cause("settings-wrong")
def settings_wrong(call: CallView) -> Verdict | None:
    process = with_cause(call, "settings")
    if process is None:
        return None
    return stage.failing(
        f"{TITLES.get(process.name, process.name)} cannot start with these settings: "
        f"{process.detail.rstrip('.')}.",
        f"Correct the setting in .env; {BEGINS_ANEW}.",
        evidence(process),
        since=process.since,
    )


@stage.cause("prepare-failed")
def prepare_failed(call: CallView) -> Verdict | None:
    """What a process needs could not be installed or built."""
    process = with_cause(call, "prepare-failed", "not-runnable")
    if process is None:
        return None
    return stage.failing(
        f"{TITLES.get(process.name, process.name)} cannot be made ready: "
        f"{process.detail.rstrip('.')}.",
        f"./scripts/setup shows the whole output; is the network there, and the disk not full? "
        f"Then ./restart_voice_system.sh {process.name}",
        evidence(process),
        since=process.since,
    )
