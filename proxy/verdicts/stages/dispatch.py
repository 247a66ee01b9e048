"""dispatch: asking the LiveKit server for an agent, which it never brings by itself."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules
from proxy.verdicts.verdict import Evidence, Verdict

SLOW_S = 4.5
WORKER_S = 4.0
"""Seconds a dispatch waits for a worker of whose process nothing is known."""
ON_THE_WAY = ("preparing", "starting", "restarting")
RESTART = "./restart_voice_system.sh agent"
NOBODY = ("AGENT_NOT_REGISTERED", "AGENT_NAME_MISMATCH")
"""The refusals that only mean that no worker is there for it (yet)."""
CAME = ("join.agent_joined", "join.participant_joined")
TAKEN = ("job.accepted", "job.handshake_start", "job.ctx_connected", *CAME)
TAKEN_S = 3.8
TWO_S = 1.5
"""Seconds for which a leaving agent and its successor may both be seen."""

stage = Rules(
    "dispatch",
    usual_ms=40,
    works=("dispatch.made", "dispatch.accepted", "dispatch.verified", *CAME),
    log="proxy",
)


@stage.cause("agent-name-differs")
def name_differs(call: CallView) -> Verdict | None:
    """A dispatch reaches only a worker of exactly that name."""
    waits = _nobody(call)
    registered, dispatched = call.health.registered_name, call.health.agent_name
    if waits is not None and waits.data.get("registered_name"):
        registered = str(waits.data["registered_name"])
        dispatched = str(waits.data.get("wanted") or dispatched)
    elif waits is None or waits.data.get("code") != "AGENT_NAME_MISMATCH":
        if waits is None and _unanswered(call) is None:
            return None
        if not (call.health.registered and registered and dispatched):
            return None
    if registered == dispatched and registered:
        return None
    return stage.failing(
        f"The worker is registered as “{registered}”, but the dispatch asks for “{dispatched}”: it "
        "reaches nobody.",
        f"Set LIVEKIT_AGENT_NAME={dispatched} for both the agent and the proxy, then {RESTART}; "
        "the dispatch is then made by itself.",
        waits or _unanswered(call),
        _registration(call),
        since=waits.at if waits is not None else None,
    )


@stage.cause("dispatched-before-registration")
def before_registration(call: CallView) -> Verdict | None:
    """The worker is on its way: the dispatch is made when it registers."""
    waits = _nobody(call)
    if waits is None or waits.data.get("registered_name"):
        return None
    worker = call.process("agent")
    if not _worker_comes(call, waits):
        return None
    return stage.waiting(
        "No worker was registered when the agent was asked for; the dispatch is made by itself as "
        "soon as one registers (usually 4 s after its start).",
        waits,
        *([quote.process(worker)] if worker is not None else []),
        next="Nothing to do; the call stays open.",
        since=waits.at,
    )


@stage.cause("no-worker-registered")
def nobody_registered(call: CallView) -> Verdict | None:
    waits = _nobody(call)
    if waits is None:
        return _nobody_took_it(call)
    if waits.data.get("registered_name") or _worker_comes(call, waits):
        return None
    worker = call.process("agent")
    return stage.failing(
        "No worker is registered with the LiveKit server, so nobody takes the dispatch "
        f"({waits.data.get('message') or waits.data.get('error') or 'no more is known'}).",
        f"{RESTART}; its log says why: ./restart_voice_system.sh logs agent. The dispatch is made "
        "by itself when it registers.",
        waits,
        *([quote.process(worker)] if worker is not None else []),
        _registration(call),
        since=waits.at,
    )


def _worker_comes(call: CallView, waits: Event) -> bool:
    """Whether a worker is on its way, or has just registered."""
    worker = call.process("agent")
    if worker is None:
        return call.age(waits) < WORKER_S
    return worker.state in ON_THE_WAY or (worker.state == "ready" and call.is_registered)


def _nobody_took_it(call: CallView) -> Verdict | None:
    """The server took the dispatch; of a worker for it nothing is known."""
    made = call.last("dispatch.made", "dispatch.accepted")
    if made is None or call.is_registered or call.agents or call.age(made) < TAKEN_S:
        return None
    if call.after(made, *TAKEN, "dispatch.verified") is not None:
        return None
    name = call.health.agent_name
    # A worker that is busy is late; one that has another name will never come.
    verdict = stage.late if call.health.registered_name in (None, name) else stage.failing
    return verdict(
        f"Nobody took the dispatch{f' to “{name}”' if name else ''} in {call.age(made):.1f} s "
        "(usually 0.2 s): no worker is registered under that name at this LiveKit server.",
        f"Start a worker with LIVEKIT_AGENT_NAME={name or '…'} and the LIVEKIT_URL of the proxy: "
        f"{RESTART}",
        made,
        _registration(call),
        since=made.at,
    )


stage.event_cause(
    "too-many-rooms",
    "dispatch.refused",
    lambda refusal: f"The proxy waits for agents in too many rooms already ({_reason(refusal)}).",
    "End some of the calls, then press Connect again.",
    code="TOO_MANY_ROOMS",
)


@stage.cause("dispatch-refused")
def refused(call: CallView) -> Verdict | None:
    refusal = stage.unresolved(call, "dispatch.refused")
    if refusal is None or refusal.data.get("code") in NOBODY:
        return None
    code = refusal.data.get("code") or "no code"
    return stage.failing(
        f"The agent could not be asked for ({code}): {_reason(refusal)}",
        str(
            refusal.data.get("next")
            or "The proxy's log has more: ./restart_voice_system.sh logs proxy"
        ),
        refusal,
        stage.unresolved(call, "dispatch.retry"),
        since=refusal.at,
    )


stage.event_cause(
    "proxy-unreachable",  # the proxy was away when the page asked
    "dispatch.unreachable",
    lambda failure: f"The page could not ask the proxy for an agent: {_reason(failure)}",
    "./restart_voice_system.sh proxy, then Connect again.",
)


@stage.cause("second-dispatch")
def second_dispatch(call: CallView) -> Verdict | None:
    """An agent was asked for although one is there or on its way."""
    ours = [event for name, event in sorted(call.agents.items()) if _took_job(call, name)]
    if len(ours) > 1 and call.age(max(ours, key=lambda event: event.at)) >= TWO_S:
        return stage.failing(
            f"{len(ours)} agents of our worker are in the room, for there was a second dispatch: "
            f"{' and '.join(str(event.data.get('identity')) for event in ours)}. Both answer.",
            "Remove one (lk dispatch delete ROOM ID), or Disconnect and connect again. Who "
            "dispatches besides the proxy (lk dispatch create, the token's room_config)?",
            *ours,
            *call.all("dispatch.made"),
            since=ours[-1].at,
        )
    requests = call.all("dispatch.received")
    answered = call.last("dispatch.answered")
    if len(requests) < 2 or answered is None:
        return None
    message = str(answered.data.get("message", ""))
    if "no second one" not in message and "already" not in message:
        return None
    return stage.ok(
        f"An agent was asked for {len(requests)} times; a second dispatch was not made, for it "
        "would bring a second agent.",
        requests[-1],
        answered,
    )


@stage.progress
def progress(call: CallView) -> Verdict:
    made = call.last(*stage.works)
    request = _unanswered(call)
    if (waits := _nobody(call)) is not None:
        return stage.waiting("The dispatch waits for a worker.", waits, since=waits.at)
    if request is not None:
        retry = call.after(request, "dispatch.retry")
        if retry is not None:
            return stage.waiting(
                f"Asking for an agent again: {retry.data.get('error', 'the last try failed')}.",
                retry,
                since=request.at,
            )
        return stage.in_time(
            call,
            request,
            SLOW_S,
            "Asking the LiveKit server for an agent.",
            "./restart_voice_system.sh status: do livekit and proxy answer? The log: "
            "./restart_voice_system.sh logs proxy",
        )
    if made is not None:
        dispatch = call.last("dispatch.made", "dispatch.accepted") or made
        return stage.ok("An agent was asked for.", dispatch, ms=dispatch.data.get("ms"))
    return stage.not_reached()


def _took_job(call: CallView, identity: str) -> bool:
    """Whether that agent comes from a job that our worker took."""
    job = identity.removeprefix("agent-")
    return job != identity and call.last("job.accepted", "job.job", job_id=job) is not None


def _unanswered(call: CallView) -> Event | None:
    """The request for an agent that nothing came of yet."""
    request = call.last("dispatch.requested", "dispatch.received")
    if request is None or call.after(request, *stage.works, "dispatch.answered") is not None:
        return None
    return None if call.agents else request


def _nobody(call: CallView) -> Event | None:
    """The news that there is no worker for the dispatch, unless one was found since."""
    waits = stage.unresolved(call, "dispatch.waiting_for_worker")
    if waits is not None:
        return waits
    for code in NOBODY:
        if (refused := stage.unresolved(call, "dispatch.refused", code=code)) is not None:
            return refused
    return None


def _registration(call: CallView) -> Evidence | None:
    health = call.health
    if health.registered is None:
        return None
    name = f" as “{health.registered_name}”" if health.registered_name else ""
    state = f"registered{name}" if health.registered else f"not registered; {health.worker_error}"
    text = f"the worker is {state}; the proxy dispatches to “{health.agent_name}”"
    return Evidence(text, "status of agent", health.at or None)


def _reason(event: Event) -> str:
    return str(event.data.get("message") or event.data.get("error") or "no reason was given")
