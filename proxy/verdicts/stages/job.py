"""job: a worker takes the dispatch, starts the entrypoint, and connects it to the room."""

from __future__ import annotations

import signal as signals

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.stages.dispatch import is_to_ours
from proxy.verdicts.verdict import Evidence, Verdict

TAKEN_S, CONNECTED_S = 4.0, 4.0
LOG = "./restart_voice_system.sh logs agent"
RESTART = "./restart_voice_system.sh agent"
CAME = ("join.agent_joined", "join.participant_joined", "dispatch.verified")
BEGUN = ("job.accepted", "job.handshake_start", "job.job")
AGAIN = (
    ". Then Connect again, in another room: this one waits for its job a while longer "
    "(AGENT_JOIN_TIMEOUT)."
)
LOADS = (
    ". Has its entrypoint failed (a traceback there)? Or does the worker still load what it needs "
    "(prewarm)? Then the agent comes by itself."
)
IDLE_S = 300.0
MOST_ERRORS, ERRORS_WITHIN_S = 10, 600.0
LATE_S, LATE_TOLD_S = 1.0, 15.0
ACTIVITY = (
    "hear.speech_started",
    "hear.speech_ended",
    "hear.typed",
    "transcribe.transcript",
    "think.request",
    "think.first_token",
    "think.done",
    "play.speaking",
    "play.silent",
)
ERRORS = tuple(
    f"{of}.{name}"
    for of in ("job", "hear", "transcribe", "think", "speak", "play")
    for name in ("error", "failed")
)
CONNECTED = ("job.ctx_connected", "job.session_started", "job.init_done", *CAME)

stage = Rules("job", usual_ms=250, works=("job.ctx_connected", "job.session_started"))


@stage.cause("entrypoint-crashed")
def crashed(call: CallView) -> Verdict | None:
    """The entrypoint raised: nobody comes, or whoever came is gone."""
    error = stage.unresolved(call, "job.error")
    ended = stage.unresolved(call, "job.process_ended")
    if error is None and ended is not None and ended.data.get("error"):
        error = ended
    if error is None:
        return None
    message = error.data.get("message") or error.data.get("error")
    line = quote.last_line(str(error.data.get("traceback", ""))) or str(message)
    return stage.failing(
        f"The entrypoint crashed: {line}",
        f"Mend it in agent/ (the traceback is in the log: {LOG}); the worker restarts by itself "
        "when a file changes. Then Connect again.",
        error,
        ended if ended is not error else None,
        since=error.at,
    )


@stage.cause("job-killed")
def killed(call: CallView) -> Verdict | None:
    """The process of the call ended without having been told to."""
    ended = stage.unresolved(call, "job.process_ended")
    if ended is None or not _badly(ended, call):
        return None
    how = _how(ended)
    again = call.after(ended, "dispatch.again")
    step = "Nothing: another agent is on its way." if again is not None else "Connect again."
    return stage.failing(
        f"The process of this call's job (pid {ended.data.get('pid') or 'unknown'}) {how}.",
        f"{step} Who ended it? The kernel, when memory runs out (dmesg), or the log: {LOG}",
        ended,
        again,
        Evidence(f"the job's process {how}", "agent", ended.at),
        since=ended.at,
    )


stage.event_cause(
    "worker-full",
    "job.refused",
    lambda refusal: (
        f"The worker refused the job: {refusal.data.get('reason') or 'it takes no more calls'}."
    ),
    "End other calls, or raise AGENT_MAX_JOBS (25), then Connect again.",
)


@stage.cause("job-not-taken")
def not_taken(call: CallView) -> Verdict | None:
    """The dispatch was made, and nobody took it."""
    dispatch = _dispatch(call)
    if dispatch is None or call.age(dispatch) < TAKEN_S or call.after(dispatch, *BEGUN, *CONNECTED):
        return None
    if not call.is_registered or not is_to_ours(call, dispatch):
        return None  # nobody is there who could: `dispatch` says so
    step = (
        "Is the worker at the same LiveKit server (LIVEKIT_URL of both), and not full or "
        f"overloaded? {LOG}; else {RESTART}"
    )
    if call.process("agent") is None:
        step = (
            f"The worker “{call.health.registered_name}” runs elsewhere: is it full or overloaded, "
            "or at another LiveKit server? Its own log says so."
        )
    return stage.late(
        f"The agent was asked for {call.age(dispatch):.1f} s ago and no worker took the job "
        "(usually 0.2 s).",
        step,
        dispatch,
        call.last("dispatch.alarm"),
        since=dispatch.at,
    )


@stage.cause("job-not-connected")
def not_connected(call: CallView) -> Verdict | None:
    """The entrypoint runs, but never came into the room."""
    begun = _begun(call)
    if begun is None or call.after(begun, *CONNECTED) is not None:
        return None
    retry = call.after(begun, "job.retry")
    age = call.age(begun)
    if age < CONNECTED_S:
        if retry is None:
            return None
        return stage.waiting(
            f"The job tries {retry.data.get('what', 'its step')} again "
            f"({retry.data.get('attempt')} of {retry.data.get('of')} failed: "
            f"{retry.data.get('error')}).",
            retry,
            begun,
            since=begun.at,
        )
    why = f": {retry.data.get('error')}" if retry is not None else ""
    return stage.late(
        f"The job began {age:.1f} s ago and has not connected to the room (usually 0.1 s){why}.",
        f"Does the entrypoint call ctx.connect() first, and can the worker reach LIVEKIT_URL? {LOG}"
        f"{AGAIN if call.is_ours else LOADS}",
        begun,
        retry,
        since=begun.at,
    )


@stage.cause("two-workers")
def two_workers(call: CallView) -> Verdict | None:
    """Which of them takes a call is the server's choice."""
    state = call.last("job.state")
    others = state.data.get("other_workers") if state is not None else None
    if state is None or not others:
        return None
    return stage.ok(
        f"Calls for “{state.data.get('agent_name')}” go to {len(others) + 1} workers in turn: this "
        f"one to {state.data.get('worker_id')}, others to {', '.join(map(str, others))}.",
        state,
        next="Is one of them forgotten, or of older code? Give each code a name of its own.",
    )


@stage.cause("degraded")
def degraded(call: CallView) -> Verdict | None:
    """The call goes on without a part that has no stage of its own."""
    parts = ("speech-to-text", "text-to-speech", "vad", "letta")
    loss = call.last("job.degraded")
    if loss is None or str(loss.data.get("what", "")).lower() in parts:
        return None
    return stage.ok(
        f"The call goes on without {loss.data.get('what')} ({loss.data.get('error')}): "
        f"{loss.data.get('consequence')}.",
        loss,
        next=f"Its log has more: {LOG}",
    )


@stage.cause("many-errors")
def many_errors(call: CallView) -> Verdict | None:
    """Each may have passed; together they are worth a look."""
    errors = call.all(*ERRORS, since=call.now - ERRORS_WITHIN_S)
    if len(errors) <= MOST_ERRORS:
        return None
    return stage.ok(
        f"{len(errors)} errors were met in this call within ten minutes.",
        *errors[-3:],
        next=f"Read them in the timeline, or in the log: {LOG}",
        since=errors[0].at,
    )


@stage.cause("loop-lag")
def loop_lag(call: CallView) -> Verdict | None:
    """Something in the process of this call holds up everything else in it."""
    vitals = call.last("job.health")
    lag = vitals.data.get("lag") if vitals is not None else None
    if vitals is None or not isinstance(lag, int | float) or lag < LATE_S:
        return None
    if call.ended is not None or call.age(vitals) >= LATE_TOLD_S:
        return None
    return stage.ok(
        f"The job's process stood still for {lag:.1f} s: something in it, or the machine, held up "
        "its event loop; hearing and speaking wait meanwhile.",
        vitals,
        next=f"Is the machine busy (top)? Else do what takes long in a thread; {LOG}",
        since=vitals.at,
    )


@stage.cause("call-idle")
def idle(call: CallView) -> Verdict | None:
    """Nobody says or writes anything: no failure, but perhaps nobody is there."""
    begun = call.last("job.init_done", "job.session_started")
    if begun is None or call.ended is not None or not call.agents:
        return None
    last = call.after(begun, *ACTIVITY) or begun
    if call.age(last) < IDLE_S:
        return None
    return stage.ok(
        f"Nothing has been said or written for {call.age(last) / 60:.0f} minutes.",
        last,
        next="Hang up if nobody is there: a call goes on as long as its caller stays.",
        since=last.at,
    )


@stage.proof
def proof(call: CallView) -> Verdict | None:
    connected = call.last(*CONNECTED)
    if connected is None:
        return None
    taken, state = call.last(*BEGUN), call.last("job.state")
    if taken is None and state is not None and state.data.get("worker_id"):
        worker = state.data["worker_id"]
        return stage.ok(
            f"The worker {worker} runs the job, as the LiveKit server says.", state, connected
        )
    if taken is None:
        return stage.not_told(
            "An agent is in the room; it does not tell which worker runs it.", connected
        )
    connection = call.last("job.ctx_connected") or connected
    ms = connection.data.get("elapsed_ms")
    accepted = call.last("job.accepted") or call.last("job.job") or taken
    return stage.ok(f"{_worker(accepted)} runs the job.", accepted, connection, ms=ms)


def _worker(accepted: Event) -> str:
    """Which one, of which code, at which LiveKit server, as far as it tells."""
    told = accepted.data
    worker = f"The worker {told['worker_id']}" if told.get("worker_id") else "A worker"
    code = f" (code {told['code']})" if told.get("code") else ""
    sfu = f" at {told['sfu']}" if told.get("sfu") else ""
    return f"{worker}{code}{sfu}"


def _silent(call: CallView) -> Event | None:
    """The coming of an agent that our worker should have told of, and did not."""
    if not call.agents or not call.is_registered or call.last("dispatch.made") is None:
        return None
    if call.last(*BEGUN) is not None or not call.is_ours:
        return None
    return min(call.agents.values(), key=lambda event: event.at)


def _dispatch(call: CallView) -> Event | None:
    """The last dispatch, unless an agent was in the room already."""
    dispatch = call.last("dispatch.made", "dispatch.found") or call.last("dispatch.accepted")
    return None if dispatch is None or call.agents else dispatch


def _begun(call: CallView) -> Event | None:
    """The begin of the job that belongs to the last dispatch."""
    told = call.last("job.handshake_start", "job.accepted") or call.last("job.job")
    if told is not None:
        return told
    state = call.first("job.state") if not call.agents else None
    return state if state is not None and state.data.get("worker_id") else None


def _badly(ended: Event, call: CallView) -> bool:
    """Whether a job's process ended by a signal or with a code, not at the end of its work."""
    data = ended.data
    if data.get("signal"):
        return True
    if call.last("job.ended") is not None:
        return False
    if data.get("exit_code") is not None:
        return bool(data["exit_code"])
    return any(word in str(data.get("reason", "")) for word in ("gone", "stopped"))


def _how(ended: Event) -> str:
    number, reason = ended.data.get("signal"), str(ended.data.get("reason") or "")
    if number:
        try:
            known = signals.Signals[number] if isinstance(number, str) else signals.Signals(number)
            return f"was killed by signal {known.value} ({known.name})"
        except (KeyError, ValueError):
            return f"was killed by signal {number}"
    if ended.data.get("exit_code") is not None:
        return f"ended with exit code {ended.data['exit_code']}"
    return f"ended ({reason})"


stage.owes(
    Link(
        given="the LiveKit server took the dispatch",
        owed="a worker has taken the job",
        told_by="the worker; the SFU, when the agent comes",
        within_s=TAKEN_S + 2.0,
        doing="Waiting for a worker to take the job.",
        since=_dispatch,
        by=(*BEGUN, *CONNECTED),
        unless=("job.refused", "dispatch.gave_up", "job.process_ended"),
        likely=(
            "Is the worker at the same LiveKit server (LIVEKIT_URL of both)?",
            f"it is full or overloaded: {LOG}",
            RESTART,
        ),
        asks=("agent", "livekit"),
    ),
    Link(
        given="a worker took the job",
        owed="it is connected to the room",
        told_by="the worker; the SFU",
        within_s=CONNECTED_S + 1.0,
        doing="A worker took the job, which connects to the room.",
        since=_begun,
        by=CONNECTED,
        unless=("job.error", "job.ended", "job.process_ended"),
        likely=(
            f"Does the entrypoint call ctx.connect() first? {LOG}",
            "can the worker reach LIVEKIT_URL?",
        ),
        asks=("agent",),
    ),
    Link(
        given="an agent came into the room",
        owed="our worker runs it",
        told_by="the worker, whose events come by a file",
        within_s=6.0,
        doing="Waiting for the worker to tell of its job.",
        since=_silent,
        by=BEGUN,
        likely=(
            "Another worker has this name at this LiveKit server: give ours a name of its own "
            "(LIVEKIT_AGENT_NAME).",
            f"its events do not come: {LOG}",
        ),
        asks=("agent",),
    ),
)
