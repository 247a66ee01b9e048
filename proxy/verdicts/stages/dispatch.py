"""dispatch: asking the LiveKit server for an agent, which it never brings by itself."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
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
TAKEN_S, TAKEN_BY_OTHERS_S = 3.8, 5.6
"""Ours tells by itself that it has the job; of another's the server may tell after 5.0 s."""
ALONE_S = 4.0
"""Seconds after its coming in which a caller asks for an agent: a page does so at once."""
ASKED = (
    "dispatch.requested",
    "dispatch.received",
    "dispatch.made",
    "dispatch.found",
    "dispatch.accepted",
    "dispatch.refused",
    "dispatch.unreachable",
    "dispatch.waiting_for_worker",
    "dispatch.gave_up",
    "dispatch.again",
)
LOOKED_S = 2.5
"""Seconds after which a dispatch that somebody else has made is known."""
TWO_S = 1.5
"""Seconds for which a leaving agent and its successor may both be seen."""

stage = Rules(
    "dispatch",
    usual_ms=40,
    works=("dispatch.made", "dispatch.found", "dispatch.accepted", "dispatch.verified", *CAME),
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
    made = call.last("dispatch.made", "dispatch.found") or call.last("dispatch.accepted")
    if made is None or call.agents:
        return None
    if call.age(made) < (TAKEN_S if call.is_ours else TAKEN_BY_OTHERS_S):
        return None
    if call.after(made, *TAKEN, "dispatch.verified") is not None:
        return None
    state = call.last("job.state")
    if state is not None and state.data.get("worker_id"):
        return None
    if "agent_name" in made.data and not is_to_ours(call, made):
        return _others_worker_is_missing(call, made)
    if call.is_registered:
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


def is_to_ours(call: CallView, dispatch: Event) -> bool:
    """Whether a dispatch asks for the name under which the worker of this system is registered."""
    name = dispatch.data.get("agent_name", call.health.agent_name)
    return bool(name == (call.health.registered_name or call.health.agent_name))


def _others_worker_is_missing(call: CallView, found: Event) -> Verdict:
    """A worker was asked for that is not this system's."""
    who = "Somebody else has" if found.name == "found" else "The proxy was told to, and has"
    name, ours = found.data.get("agent_name", "?"), call.health.registered_name
    also = (
        f" Or ask for the worker that is here: `lk dispatch create --room {found.room} "
        f"--agent-name {ours}`."
        if ours
        else ""
    )
    return stage.failing(
        f"{who} dispatched “{name}” into this room, and nobody took that in "
        f"{call.age(found):.1f} s: no worker of that name is registered at this LiveKit server, "
        "or it takes no more jobs.",
        f"Is that worker running, with this LIVEKIT_URL and agent_name={name}, and not full, nor "
        "still loading? Its own log says so. A dispatch that nobody took is not kept: when the "
        f"worker is there, Ask for the agent again (Connect, or the same request).{also}",
        found,
        _registration(call),
        since=found.at,
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


def _unanswered(call: CallView) -> Event | None:
    """The request for an agent that nothing came of yet."""
    request = call.last("dispatch.requested", "dispatch.received")
    if request is None or call.after(request, *stage.works, "dispatch.answered") is not None:
        return None
    return None if call.agents or _nobody(call) is not None else request


def _waits(call: CallView) -> Event | None:
    """The news that there is no worker, when none is on its way either."""
    waits, worker = _nobody(call), call.process("agent")
    return None if worker is not None and worker.state in ON_THE_WAY else waits


def _alone(call: CallView) -> Event | None:
    """The coming of a caller for whom nobody has asked for an agent."""
    came = call.last("media.connected") if call.has_page else call.last("signal.participant_joined")
    if came is None or call.agents or call.last(*ASKED) is not None:
        return None
    return came


@stage.cause("nobody-asked")
def nobody_asked(call: CallView) -> Verdict | None:
    """LiveKit sends no agent by itself: somebody has to ask for it, by its name."""
    came = _alone(call)
    if came is None or call.age(came) < ALONE_S:
        return None
    name, room = call.health.agent_name or "NAME", came.room
    return stage.failing(
        f"A caller has been in the room for {call.age(came):.0f} s, and nobody has asked for an "
        "agent: LiveKit sends none by itself.",
        f"Ask for the agent: by the button of the page, or `lk dispatch create --room {room} "
        f"--agent-name {name}`.",
        came,
        _registration(call),
        since=came.at,
    )


stage.owes(
    Link(
        given="a caller came into the room",
        owed="an agent is asked for",
        told_by="the page; the proxy, which makes the dispatch",
        within_s=ALONE_S + 2.0,
        doing="Nobody has asked for an agent yet.",
        since=_alone,
        by=(),
        likely=("Ask for the agent: by the button of the page.",),
        asks=("proxy",),
    ),
    Link(
        given="an agent was asked for",
        owed="the LiveKit server has taken the dispatch",
        told_by="the proxy, by the server's answer; the SFU, when an agent comes",
        within_s=SLOW_S,
        doing="Asking the LiveKit server for an agent.",
        since=_unanswered,
        by=stage.works,
        likely=(
            "./restart_voice_system.sh status: do livekit and proxy answer? The log: "
            "./restart_voice_system.sh logs proxy",
        ),
        asks=("livekit", "proxy"),
    ),
    Link(
        given="no worker was there for the dispatch",
        owed="one has registered, and the dispatch is made",
        told_by="the proxy, which asks the worker",
        within_s=60.0,
        doing="The dispatch waits for a worker.",
        since=_waits,
        by=stage.works,
        likely=(f"{RESTART}; its log says why: ./restart_voice_system.sh logs agent",),
        asks=("agent",),
    ),
)


@stage.proof
def proof(call: CallView) -> Verdict | None:
    made = call.last(*stage.works)
    if made is None:
        return None
    asked = call.last("dispatch.made", "dispatch.accepted", "dispatch.found")
    if asked is None and not call.is_ours:
        return _by_itself(call, made)
    dispatch = asked or made
    by = " by somebody else" if dispatch.name == "found" else ""
    who = f"“{call.agent_name}”" if call.agent_name and not call.is_ours else "An agent"
    return stage.ok(f"{who} was asked for{by}.", dispatch, ms=dispatch.data.get("ms"))


def _by_itself(call: CallView, came: Event) -> Verdict:
    """An agent for which no dispatch is known, at least when it was looked for."""
    if call.age(came) < LOOKED_S:
        return stage.ok("An agent is in the room.", came)
    return stage.ok(
        "None was asked for: the agent joined by itself, as that of a worker without a name does, "
        "or a bot with a token.",
        came,
        call.last("job.state"),
    )


def _took_job(call: CallView, identity: str) -> bool:
    """Whether that agent comes from a job that our worker took."""
    job = identity.removeprefix("agent-")
    return job != identity and call.last("job.accepted", "job.job", job_id=job) is not None


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
