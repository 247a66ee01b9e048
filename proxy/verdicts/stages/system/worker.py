"""The worker: does it run, and is it registered with the LiveKit server?"""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import (
    PATIENCE,
    age,
    down,
    evidence,
    logs,
    restart,
    stage,
    starting,
)
from proxy.verdicts.system_health import Process
from proxy.verdicts.verdict import Evidence, Verdict

NAME = "agent"
REGISTERS_S = 4.0
"""Seconds a worker that runs may take to register (again)."""
TOLD_S = 6.0
"""Seconds a start may take that has met an error: the server may be starting too."""


@stage.cause("worker-crash-loop")
def crash_loop(call: CallView) -> Verdict | None:
    process = call.process(NAME)
    if process is None or process.cause != "crash-loop" or process.state == "ready":
        return None
    last = next((line for line in reversed(process.log) if line.strip()), "")
    return stage.failing(
        f"The worker ends as soon as it starts: {last or process.detail.rstrip('.')}",
        f"Mend what its log says ({logs(NAME)}); it starts again when a file in agent/ changes, or "
        f"by {restart(NAME)}",
        evidence(process),
        since=process.since,
    )


@stage.cause("code-broken")
def code_broken(call: CallView) -> Verdict | None:
    """Somebody edits it: calls go on, with the code from before."""
    process = call.process(NAME)
    if process is None or process.cause != "code-broken" or process.state != "ready":
        return None
    _, _, why = process.detail.rstrip(".").partition("; ")
    return stage.ok(
        f"The worker goes on with the code from before: {why or process.detail}.",
        evidence(process),
        next="Mend that file; its code is tried again by itself when it changes.",
        since=process.since,
    )


@stage.cause("worker-not-running")
def not_running(call: CallView) -> Verdict | None:
    process = call.process(NAME)
    if process is None or not down(call, process):
        return None
    return stage.failing(
        f"The worker is not running ({process.state}): {process.detail.rstrip('.')}.",
        f"{restart(NAME)}; its log says why it ended: {logs(NAME)}",
        evidence(process),
        since=process.since,
    )


def _unregistered(call: CallView) -> Process | None:
    """The worker when it runs, has had its time, and the LiveKit server does not know of it."""
    process = call.process(NAME)
    if process is None or call.health.registered is not False:
        return None
    lost = process.detail.startswith("no longer ready")
    if process.state == "preparing" or process.state == "restarting":
        return None
    limit = REGISTERS_S if lost or process.state == "ready" else PATIENCE[NAME]
    if call.health.worker_error and process.state == "starting":
        limit = min(limit, TOLD_S)
    if "rejects" in call.health.worker_error:
        limit = 0.0  # the server has answered, and waiting does not change its answer
    livekit = call.process("livekit")
    return None if starting(livekit) or age(call, process) < limit else process


@stage.cause("worker-network-proxy")
def network_proxy(call: CallView) -> Verdict | None:
    """Its own error names another address than the LiveKit server's: neither that nor the key is
    wrong."""
    process, elsewhere = _unregistered(call), call.health.worker_detour
    if process is None or elsewhere is None:
        return None
    why = call.health.worker_error
    return stage.failing(
        f"The worker runs, but is not registered with the LiveKit server: {elsewhere.sentence} "
        f"({why.rstrip('.')}).",
        f"{elsewhere.next}; then {restart(NAME)}",
        evidence(process),
        Evidence(f"worker: {why}", "status of agent", call.health.at or None),
        since=process.since,
    )


@stage.cause("worker-not-registered")
def not_registered(call: CallView) -> Verdict | None:
    """It runs, and the LiveKit server does not know of it."""
    process = _unregistered(call)
    if process is None:
        return None
    why = call.health.worker_error or process.detail
    return stage.failing(
        f"The worker runs, but is not registered with the LiveKit server: {why.rstrip('.')}.",
        "The agent's LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be those of the "
        f"server; {logs(NAME)}, then {restart(NAME)}",
        evidence(process),
        Evidence(f"worker: {why}", "status of agent", call.health.at or None),
        since=process.since,
    )


@stage.cause("agent-name-differs")
def name_differs(call: CallView) -> Verdict | None:
    """Told here while there is no call; in a call `dispatch` says it."""
    registered, wanted = call.health.registered_name, call.health.agent_name
    if len(call.history) or not call.health.registered or not registered or not wanted:
        return None
    if registered == wanted:
        return None
    process = call.process(NAME)
    return stage.failing(
        f"The worker is registered as “{registered}”, but the proxy dispatches to “{wanted}”: no "
        "call would get an agent.",
        f"Set LIVEKIT_AGENT_NAME={wanted} for both, then {restart(NAME)}",
        quote.process(process) if process is not None else None,
        Evidence(f"registered as {registered}; dispatched as {wanted}", "status of agent"),
    )
