"""The LiveKit server: ours or somebody's, and whether it knows our key."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import (
    STATUS,
    down,
    evidence,
    logs,
    restart,
    stage,
    starting,
)
from proxy.verdicts.system_health import ProbeResult, Process
from proxy.verdicts.verdict import Verdict

NAME = "livekit"


@stage.cause("livekit-down")
def livekit_down(call: CallView) -> Verdict | None:
    """Our own server is not there."""
    process = call.process(NAME)
    if process is None or not down(call, process):
        return None
    return stage.failing(
        f"livekit-server is not running ({process.state}): {process.detail.rstrip('.')}.",
        f"{restart(NAME)}; its log: {logs(NAME)}",
        evidence(process),
        since=process.since,
    )


@stage.cause("url-scheme-wrong")
def scheme_wrong(call: CallView) -> Verdict | None:
    """Told here while there is no call; in a call `signal` says it."""
    probe = call.probe("livekit address")
    if len(call.history) or probe is None or probe.problem != "scheme":
        return None
    return stage.failing(
        f"LIVEKIT_URL has the wrong scheme: {probe.detail.rstrip('.')}.",
        "Correct LIVEKIT_URL in .env (ws:// for a server without TLS, wss:// for one with it), "
        "then ./restart_voice_system.sh",
        quote.probe(probe),
        since=probe.at,
    )


@stage.cause("sfu-dns")
def dns(call: CallView) -> Verdict | None:
    return _unreachable(
        call,
        "dns",
        "its name is not known",
        "Is LIVEKIT_URL spelled right, and does DNS work (getent hosts NAME)?",
    )


@stage.cause("sfu-refused")
def refused(call: CallView) -> Verdict | None:
    return _unreachable(
        call,
        "refused",
        "nobody listens there",
        "Is the server up, and is this its port? Correct LIVEKIT_URL in .env.",
    )


@stage.cause("sfu-no-answer")
def no_answer(call: CallView) -> Verdict | None:
    return _unreachable(
        call,
        "timeout",
        "it does not answer in time",
        "Is a firewall in the way, or the server overloaded or stopped?",
    )


@stage.cause("sfu-tls")
def tls(call: CallView) -> Verdict | None:
    return _unreachable(
        call,
        "tls",
        "no secure connection to it can be made",
        "Is its certificate valid and trusted on this machine, and this machine's clock right?",
    )


@stage.cause("sfu-errors")
def errors(call: CallView) -> Verdict | None:
    for problem in ("status", "other"):
        found = _unreachable(
            call,
            problem,
            "what answers there is no LiveKit server, or a broken one",
            f"Does LIVEKIT_URL name a LiveKit server? {STATUS}",
        )
        if found is not None:
            return found
    return None


@stage.cause("credentials-rejected")
def credentials_rejected(call: CallView) -> Verdict | None:
    probe = call.probe("livekit credentials")
    if probe is not None and probe.problem == "rejected":
        return stage.failing(
            f"The LiveKit server at {probe.target} rejects LIVEKIT_API_KEY and LIVEKIT_API_SECRET "
            f"({probe.status or 'refused'}: {probe.detail.rstrip('.')}).",
            "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in .env to a pair that this server knows, "
            "then ./restart_voice_system.sh",
            quote.probe(probe),
            since=probe.at,
        )
    refused = call.last("dispatch.refused", code="LIVEKIT_CREDENTIALS_REJECTED")
    if probe is not None or refused is None or call.after(refused, "dispatch.made") is not None:
        return None
    return stage.failing(
        f"The LiveKit server rejects the proxy's key and secret: {refused.data.get('message')}",
        "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in .env to a pair that this server knows, then "
        "./restart_voice_system.sh",
        refused,
        since=refused.at,
    )


def _is_ours(process: Process | None, probe: ProbeResult) -> bool:
    """Whether LIVEKIT_URL names the server that a launcher of this machine starts."""
    if process is None or process.state == "monitoring":
        return False
    return probe.target.endswith(f":{process.port}")


def _unreachable(call: CallView, problem: str, what: str, step: str) -> Verdict | None:
    probe = call.probe("livekit address")
    if probe is None or probe.problem != problem:
        return None
    process = call.process(NAME)
    if starting(process):
        return None  # ours, and on its way
    if process is not None and process.state == "ready" and process.answers is not False:
        return None  # it answers by now
    return stage.failing(
        f"The LiveKit server at {probe.target} cannot be reached: {what}{_detail(probe)}.",
        restart(NAME) if _is_ours(process, probe) else f"{step} {STATUS}",
        quote.probe(probe),
        quote.process(process) if process is not None else None,
        since=probe.at,
    )


def _detail(probe: ProbeResult) -> str:
    return f" ({probe.detail.rstrip('.')})" if probe.detail else ""
