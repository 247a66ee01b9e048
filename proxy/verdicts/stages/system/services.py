"""The services a call needs: the LiveKit server, the worker, Letta, the models server."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import (
    PATIENCE,
    STATUS,
    age,
    detail,
    evidence,
    is_down,
    is_starting,
    logs,
    restart,
    stage,
    title,
    with_hint,
)
from proxy.verdicts.system_health import ProbeResult, Process
from proxy.verdicts.verdict import Evidence, Verdict

REGISTERS_S = 4.0
UNDELIVERED_S = 3.0
"""Seconds a worker that runs may take to register (again)."""
ERROR_MET_S = 6.0
"""Seconds a start may take that has met an error: the server may be starting too."""


def not_running_cause(code: str, name: str, log_hint: str) -> None:
    """Register that a process of this machine is not there."""

    @stage.cause(code)
    def not_running(call: CallView) -> Verdict | None:
        process = call.process(name)
        if process is None or not is_down(call, process):
            return None
        return stage.failing(
            f"{title(process)} is not running ({process.state}): {detail(process)}.",
            f"{restart(name)}; {log_hint}: {logs(name)}",
            evidence(process),
            since=process.since,
        )


def unreachable_cause(code: str, problems: tuple[str, ...], what: str, step: str) -> None:
    """Register that the LiveKit server cannot be reached, by the problem that the probe met."""

    @stage.cause(code)
    def unreachable(call: CallView) -> Verdict | None:
        probe, process = call.probe("livekit address"), call.process("livekit")
        if probe is None or probe.problem not in problems or is_starting(process):
            return None
        if process is not None and process.state == "ready" and process.answers is not False:
            return None  # it answers by now
        reason = f" ({probe.detail.rstrip('.')})" if probe.detail else ""
        return stage.failing(
            f"The LiveKit server at {probe.target} cannot be reached: {what}{reason}.",
            restart("livekit") if _is_ours(process, probe) else f"{step} {STATUS}",
            quote.probe(probe),
            quote.process(process) if process is not None else None,
            since=probe.at,
        )


def _is_ours(process: Process | None, probe: ProbeResult) -> bool:
    """Whether LIVEKIT_URL names the server that a launcher of this machine starts."""
    if process is None or process.state == "monitoring":
        return False
    return probe.target.endswith(f":{process.port}")


not_running_cause("livekit-down", "livekit", "its log")


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


unreachable_cause(
    "sfu-dns",
    ("dns",),
    "its name is not known",
    "Is LIVEKIT_URL spelled right, and does DNS work (getent hosts NAME)?",
)
unreachable_cause(
    "sfu-refused",
    ("refused",),
    "nobody listens there",
    "Is the server up, and is this its port? Correct LIVEKIT_URL in .env.",
)
unreachable_cause(
    "sfu-no-answer",
    ("timeout",),
    "it does not answer in time",
    "Is a firewall in the way, or the server overloaded or stopped?",
)
unreachable_cause(
    "sfu-tls",
    ("tls",),
    "no secure connection to it can be made",
    "Is its certificate valid and trusted on this machine, and this machine's clock right?",
)
unreachable_cause(
    "sfu-errors",
    ("status", "other"),
    "what answers there is no LiveKit server, or a broken one",
    "Does LIVEKIT_URL name a LiveKit server?",
)


@stage.cause("credentials-rejected")
def credentials_rejected(call: CallView) -> Verdict | None:
    step = (
        "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in .env to a pair that this server knows, then "
        "./restart_voice_system.sh"
    )
    probe = call.probe("livekit credentials")
    if probe is not None and probe.problem == "rejected":
        return stage.failing(
            f"The LiveKit server at {probe.target} rejects LIVEKIT_API_KEY and LIVEKIT_API_SECRET "
            f"({probe.status or 'refused'}: {probe.detail.rstrip('.')}).",
            with_hint(probe, step),
            quote.probe(probe),
            since=probe.at,
        )
    refused = call.last("dispatch.refused", code="LIVEKIT_CREDENTIALS_REJECTED")
    if probe is not None or refused is None or call.after(refused, "dispatch.made") is not None:
        return None
    return stage.failing(
        f"The LiveKit server rejects the proxy's key and secret: {refused.data.get('message')}",
        step,
        refused,
        since=refused.at,
    )


@stage.cause("worker-crash-loop")
def crash_loop(call: CallView) -> Verdict | None:
    process = call.process("agent")
    if process is None or process.cause != "crash-loop" or process.state == "ready":
        return None
    last_line = next((line for line in reversed(process.log) if line.strip()), "")
    return stage.failing(
        f"The worker ends as soon as it starts: {last_line or detail(process)}",
        f"Mend what its log says ({logs('agent')}); it starts again when a file in agent/ changes, "
        f"or by {restart('agent')}",
        evidence(process),
        since=process.since,
    )


@stage.cause("code-broken")
def code_broken(call: CallView) -> Verdict | None:
    """Somebody edits it: calls go on, with the code from before."""
    process = call.process("agent")
    if process is None or process.cause != "code-broken" or process.state != "ready":
        return None
    _, _, why = detail(process).partition("; ")
    return stage.ok(
        f"The worker goes on with the code from before: {why or process.detail}.",
        evidence(process),
        next="Mend that file; its code is tried again by itself when it changes.",
        since=process.since,
    )


not_running_cause("worker-not-running", "agent", "its log says why it ended")


def _unregistered(call: CallView) -> Process | None:
    """The worker when it runs, has had its time, and the LiveKit server does not know of it."""
    process = call.process("agent")
    if process is None or call.health.registered is not False:
        return None
    if process.state == "preparing" or process.state == "restarting":
        return None
    lost = process.detail.startswith("no longer ready")
    limit = REGISTERS_S if lost or process.state == "ready" else PATIENCE["agent"]
    if call.health.worker_error and process.state == "starting":
        limit = min(limit, ERROR_MET_S)
    if "rejects" in call.health.worker_error:
        limit = 0.0  # the server has answered, and waiting does not change its answer
    if is_starting(call.process("livekit")) or age(call, process) < limit:
        return None
    return process


@stage.cause("worker-network-proxy")
def network_proxy(call: CallView) -> Verdict | None:
    """Its own error names another address than the LiveKit server's: neither that nor the key is
    wrong."""
    process, detour = _unregistered(call), call.health.worker_detour
    if process is None or detour is None:
        return None
    why = call.health.worker_error
    return stage.failing(
        f"The worker runs, but is not registered with the LiveKit server: {detour.sentence} "
        f"({why.rstrip('.')}).",
        f"{detour.next}; then {restart('agent')}",
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
        f"server; {logs('agent')}, then {restart('agent')}",
        evidence(process),
        Evidence(f"worker: {why}", "status of agent", call.health.at or None),
        since=process.since,
    )


@stage.cause("events-not-delivered")
def events_not_delivered(call: CallView) -> Verdict | None:
    """The call goes on, and nothing of what the agent does is seen here."""
    health, proxy = call.health, call.process("proxy")
    since = health.timeline_error_since
    if not health.timeline_error or since is None:
        return None
    # A proxy that was away is asked again within some seconds.
    came = proxy.since if proxy is not None and proxy.since is not None else since
    if call.now - max(since, came) < UNDELIVERED_S:
        return None
    return stage.failing(
        f"The worker cannot hand its events over for {call.now - since:.0f} s "
        f"({health.timeline_error.rstrip('.')}): what the agent does is not seen here until it "
        "can. The call itself goes on.",
        "Is AGENT_TIMELINE_URL of the worker the address of this proxy, and does nothing between "
        f"them change or hold up the requests? {logs('agent')}",
        Evidence(f"timeline: {health.timeline_error}", "status of agent", since),
        since=since,
    )


@stage.cause("agent-name-differs")
def name_differs(call: CallView) -> Verdict | None:
    """Told here while there is no call; in a call `dispatch` says it."""
    registered, dispatched = call.health.registered_name, call.health.agent_name
    if len(call.history) or not call.health.registered or not registered or not dispatched:
        return None
    if registered == dispatched:
        return None
    process = call.process("agent")
    return stage.failing(
        f"The worker is registered as “{registered}”, but the proxy dispatches to “{dispatched}”: "
        "no call would get an agent.",
        f"Set LIVEKIT_AGENT_NAME={dispatched} for both, then {restart('agent')}",
        quote.process(process) if process is not None else None,
        Evidence(f"registered as {registered}; dispatched as {dispatched}", "status of agent"),
    )


@stage.cause("letta-key-rejected")
def letta_key_rejected(call: CallView) -> Verdict | None:
    step = "Set LETTA_API_KEY in .env to a key of that server, then ./restart_voice_system.sh"
    probe, error = call.probe("letta key"), _unauthorized(call)
    if probe is not None and probe.problem in ("rejected", "missing"):
        missing = probe.problem == "missing"
        problem = "wants a key and got none" if missing else "rejects LETTA_API_KEY"
        return stage.failing(
            f"Letta at {probe.target} {problem} ({probe.status or probe.detail}).",
            with_hint(probe, step),
            quote.probe(probe),
            error,
            since=probe.at,
        )
    if error is None or (probe is not None and probe.at is not None and probe.at > error.at + 5.0):
        return None  # or Letta has taken the key since
    return stage.failing(
        f"Letta rejects the key: {error.data.get('message')}.",
        f"{step} agent",
        error,
        since=error.at,
    )


def _unauthorized(call: CallView) -> Event | None:
    """Letta's refusal of the worker's key, unless it has worked since."""
    error = call.last("think.error", code="letta_unauthorized")
    if error is None or call.after(error, "think.first_token", "join.conversation") is not None:
        return None
    return error


@stage.cause("letta-down")
def letta_down(call: CallView) -> Verdict | None:
    process = call.process("letta")
    if process is None:
        return None
    unreachable = process.state == "monitoring" and process.answers is False
    if not is_down(call, process) and not unreachable:
        return None
    what = "does not answer" if unreachable else f"is not running ({process.state})"
    step = (
        "Is LETTA_BASE_URL right, and that server up?"
        if unreachable
        else f"{restart('letta')}; its log: {logs('letta')}"
    )
    return stage.failing(
        f"Letta {what}: {detail(process)}.", step, evidence(process), since=process.since
    )


@stage.cause("models-down")
def models_down(call: CallView) -> Verdict | None:
    process = call.process("models")
    if process is None:
        return None
    silent = process.state == "monitoring" and process.answers is False
    # A monitor also stands where nothing is offline; then its silence is nobody's trouble.
    needed = "MODELS_URL" in process.detail
    if not is_down(call, process) and not (silent and needed):
        return None
    return stage.failing(
        f"The models server is not there ({process.state}): {detail(process)}. Without it nothing "
        "is heard, thought or said offline.",
        f"{restart('models')}; its log: {logs('models')}",
        evidence(process),
        since=process.since,
    )
