"""The dispatch of a room as a state machine: `transition` is the whole of it, and pure.

`docs/architecture.md` has its table, made by `python -m proxy.dispatch.table`.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from proxy.clients.registration import Worker, worker_in_words
from proxy.dispatch.decision import (
    AGENT_PREFIX,
    Coming,
    Decision,
    Needed,
    NoWorker,
    Present,
    WrongName,
    decide,
    runs_no_job_of,
)
from proxy.dispatch.messages import (
    AgentReported,
    ConfirmRoomGone,
    CreateDispatch,
    Dispatched,
    Effect,
    Log,
    Looked,
    LookFailed,
    Note,
    Refuse,
    ReplaceAgent,
    ReplacementDue,
    Reply,
    Requested,
    RequestFailed,
    RoomFinished,
    RoomGone,
    Seen,
    StartMonitor,
    StatusRead,
    StopMonitor,
    TimePassed,
    WakeMonitor,
)
from proxy.dispatch.records import DispatchRecord, DispatchRequest, State
from proxy.dispatch.snapshot import RoomSnapshot
from proxy.dispatch.timeline_facts import CallFound, JobExit

ROOM_GRACE_S = 30.0
"""How long a room may be missing: it may not exist yet, or the server is restarting."""
WATCH_PRESENT_S = 30.0
"""How long an agent that was already there is watched: it may belong to a call that just ended."""
DISPATCHES_MAX = 3
REPLACED_MAX = 3
REPLACED_WITHIN_S = 60.0
"""So many agents of a room that died or lost it are replaced; else one that always does would go
on for ever."""


Next = tuple[DispatchRecord, tuple[Effect, ...]]


def transition(record: DispatchRecord, seen: Seen, now: float) -> Next:
    """The record after `seen`, and what is to be done; `now` is in seconds since the epoch."""
    match seen:
        case Requested():
            return _requested(record, seen, now)
        case RequestFailed():
            started = record.monitored(now)
            return started, () if record.state is State.NONE else (StartMonitor(),)
        case Dispatched():
            return _dispatched(record, seen, now)
        case Looked():
            return _looked(replace(record, sfu_error=""), seen, now)
        case LookFailed(code, text):
            news = Log(logging.WARNING, f"Cannot see to the agent of room {record.room}: {text}")
            effects = () if code == record.sfu_error else (news,)
            return _give_up_in_time(replace(record, sfu_error=code), effects, now)
        case TimePassed():
            return _give_up_in_time(record, (), now)
        case StatusRead():
            return _status_read(record, seen, now), ()
        case AgentReported(identity):
            return record.saw(identity, now), (WakeMonitor(),)
        case JobExit():
            return _job_exited(record, seen)
        case ReplacementDue():
            return _replacement_due(record, seen.exit, now)
        case RoomFinished():
            return record, () if record.is_awaited(now) else (ConfirmRoomGone(),)
        case RoomGone():
            ended = replace(record, state=State.NONE, message="The room has ended.")
            return replace(ended, agents_seen={}, dead_jobs=frozenset()), (StopMonitor(),)
        case CallFound():
            return _call_found(record, seen), ()


def _requested(record: DispatchRecord, seen: Requested, now: float) -> Next:
    decision = _decision(record, seen, now)
    if isinstance(decision, Needed):
        return record, (_create_dispatch(seen.request, seen.snapshot, decision, answers=True),)
    room = record.room
    under_way = isinstance(decision, Coming) and decision.dispatch.id == record.dispatch_id
    # A dispatch under way keeps what it was made with; everything else follows this request.
    record = record.begun(record.request if under_way else seen.request, now)
    match decision:
        case Present(identity, dispatch):
            record = replace(
                record.saw(identity, now),
                state=State.JOINED,
                message=f"Agent {identity} is in the room.",
                dispatch_id=dispatch.id if dispatch else None,
                dispatched_at=dispatch.created_at if dispatch else None,
                joined_at=now,
            )
            message = f"Agent {identity} is already in room {room}; no second one was asked for."
            return _answered(record, message + seen.request.differs_from(dispatch))
        case Coming(dispatch):
            record = replace(record.on_its_way(dispatch), dispatches_made=1)
            message = f"An agent is already on its way to room {room}; no second one was asked for."
            return _answered(record, message + seen.request.differs_from(dispatch))
        case NoWorker() | WrongName():
            record = replace(record.waiting(seen.worker), dispatch_id=None, dispatched_at=None)
            refusal = _refusal(record, decision, seen.worker)
            return record, (_note_waiting(record, decision), StartMonitor(), refusal)


def _answered(record: DispatchRecord, message: str) -> Next:
    answered = Note("answered", {"state": str(record.state), "message": message})
    return record, (answered, StartMonitor(), Reply(message, record.dispatch_id))


def _refusal(
    record: DispatchRecord, decision: NoWorker | WrongName, worker: Worker | None
) -> Refuse:
    name = record.policy.agent_name
    later = (
        f"The dispatch to room {record.room} is made by itself as soon as a worker registers "
        f"as {name!r} while the room lives (for {record.policy.worker_wait:g} s at most)."
    )
    if isinstance(decision, WrongName):
        return Refuse(
            409,
            "AGENT_NAME_MISMATCH",
            f"The worker is registered as {decision.registered!r}, but {name!r} was "
            "asked for: a dispatch would reach nobody. Set LIVEKIT_AGENT_NAME to the same "
            f"value for both and restart them. {later}",
        )
    return Refuse(
        503,
        "AGENT_NOT_REGISTERED",
        f"No agent worker is registered as {name!r}. {worker_in_words(worker)} {later} See "
        "the agent process (./restart_voice_system.sh status); if the worker runs elsewhere, "
        "set AGENT_URL to its status or AGENT_CHECK=false.",
        retry_after=2,
    )


def _create_dispatch(
    request: DispatchRequest, snapshot: RoomSnapshot, needed: Needed, *, answers: bool
) -> CreateDispatch:
    metadata = request.metadata(caller_waits=bool(snapshot.callers))
    answered = request if answers else None
    return CreateDispatch(metadata, needed.stale, needed.ghosts, answered, snapshot.exists)


def _dispatched(record: DispatchRecord, seen: Dispatched, now: float) -> Next:
    if seen.request is not None:
        record = record.begun(seen.request, now)
    record = replace(
        record,
        state=State.REQUESTED,
        message="The agent was asked to join.",
        dispatch_id=seen.dispatch_id,
        dispatched_at=now,
        joined_at=None,
        dispatches_made=record.dispatches_made + 1,
        overdue=False,
    )
    if seen.request is None:
        return record, ()
    created = "" if seen.room_existed else " The room did not exist: this created it."
    name = record.policy.agent_name
    return _answered(record, f"Agent {name!r} was asked to join room {record.room}.{created}")


def _looked(record: DispatchRecord, seen: Looked, now: float) -> Next:
    if not seen.snapshot.exists:
        return _room_missing(record, now)
    record = replace(record, missing_since=None)
    decision = _decision(record, seen, now)
    effects: tuple[Effect, ...] = ()
    match decision:
        case Present(identity=identity):
            return _joined(record, identity, now)
        case NoWorker() | WrongName():
            waited = record.state is State.WAITING
            record = replace(record.waiting(seen.worker), dispatches_made=0)
            if not waited:
                warning = f"Room {record.room} waits for a worker. {worker_in_words(seen.worker)}"
                effects = (Log(logging.WARNING, warning), _note_waiting(record, decision))
            if seen.snapshot.callers and record.joined_at is not None:
                # The call goes on without its agent, which was there: it is not overdue.
                record = replace(record, joined_at=None, dispatched_at=None)
        case Coming(dispatch=dispatch) if record.state is State.WAITING:
            record = record.on_its_way(dispatch)
        case Needed():
            if _may_dispatch(record, seen.snapshot, now):
                create = _create_dispatch(record.request, seen.snapshot, decision, answers=False)
                return record, (create,)
            if record.call_has_ended(seen.snapshot) and not record.is_awaited(now):
                message = "The call has ended and the agent has left."
                return replace(record, state=State.NONE, message=message), (StopMonitor(),)
    return _overdue(record, effects, seen, now)


def _room_missing(record: DispatchRecord, now: float) -> Next:
    since = record.missing_since or now
    record = replace(record, missing_since=since)
    if now - since < ROOM_GRACE_S:
        return _give_up_in_time(record, (), now)
    ended = f"Room {record.room} has ended; nothing more to dispatch there"
    record = replace(record, state=State.NONE, message="The room has ended.")
    return record, (Log(logging.INFO, ended), StopMonitor())


def _joined(record: DispatchRecord, identity: str, now: float) -> Next:
    effects: tuple[Effect, ...] = ()
    if record.state is not State.JOINED:
        seconds = round(now - (record.dispatched_at or now), 1)
        news = f"Agent {identity} is in room {record.room}, {seconds:.1f} s after the dispatch"
        effects = (
            Log(logging.INFO, news, job=identity.removeprefix(AGENT_PREFIX)),
            Note("verified", {"identity": identity, "seconds": seconds}),
        )
    came_for_this_request = record.dispatches_made > 0
    watched = now - (record.requested_at or now)
    record = replace(
        record.saw(identity, now),
        state=State.JOINED,
        message=f"Agent {identity} is in the room.",
        joined_at=record.joined_at or now,
    )
    done = came_for_this_request or watched >= WATCH_PRESENT_S
    return record, (*effects, StopMonitor()) if done else effects


def _overdue(record: DispatchRecord, effects: tuple[Effect, ...], seen: Looked, now: float) -> Next:
    """Say loudly, once a dispatch, that the agent should be here by now."""
    if record.overdue or not record.is_overdue(now):
        return _give_up_in_time(record, effects, now)
    seconds, worker = record.policy.join_timeout, worker_in_words(seen.worker)
    critical = (
        f"CRITICAL: dispatch succeeded but agent did not join room {record.room} within "
        f"{seconds:g} s. Last dispatch {record.dispatch_id}. {worker} The LiveKit server says: "
        f"{seen.snapshot.sentence()}."
    )
    message = (
        f"The dispatch succeeded, but the agent did not join within {seconds:g} s. {worker} "
        "The worker's log has the cause."
    )
    effects = (*effects, Log(logging.CRITICAL, critical), Note("alarm", {"message": message}))
    record = replace(record, overdue=True)
    if record.state is State.WAITING:
        return _give_up_in_time(record, effects, now)
    record = replace(record, state=State.NOT_JOINED, message=message)
    if runs_no_job_of(record.room, seen.worker):
        # The worker had no place for it, or the server let it drop: it is asked for again.
        return _give_up_in_time(replace(record, dispatches_made=0), effects, now)
    return record, (*effects, StopMonitor())


def _give_up_in_time(record: DispatchRecord, effects: tuple[Effect, ...], now: float) -> Next:
    limit = record.give_up_at
    if record.state is State.REQUESTED and record.dispatched_at is not None:
        limit = record.dispatched_at + record.policy.join_timeout
    if now < limit:
        return record, effects
    gave_up = Log(logging.WARNING, f"Gave up on room {record.room}: {record.message}")
    record = replace(record, state=State.NOT_JOINED, message=f"Gave up. {record.message}")
    return record, (*effects, gave_up, StopMonitor())


def _status_read(record: DispatchRecord, seen: StatusRead, now: float) -> DispatchRecord:
    decision = _decision(record, seen, now)
    if isinstance(decision, Present):
        joined_at = record.joined_at or seen.snapshot.participant(decision.identity).joined_at
        message = f"Agent {decision.identity} is in the room."
        return replace(record, state=State.JOINED, message=message, joined_at=joined_at)
    if record.state is State.JOINED:
        message = "The agent has left the room."
        if seen.snapshot.agents:
            message = "The agent is still shown in the room, but its worker is gone."
        return replace(record, state=State.NONE, message=message)
    if record.state is State.NONE and isinstance(decision, Coming):
        return replace(record, state=State.REQUESTED, message="An agent is on its way.")
    return record


def _job_exited(record: DispatchRecord, exit: JobExit) -> Next:
    # Only an agent that was there is replaced: one that cannot begin would never end.
    was_there = exit.how == "lost" or AGENT_PREFIX + exit.job_id in record.agents_seen
    if not was_there or exit.job_id in record.dead_jobs:
        return record, ()
    record = replace(record, dead_jobs=record.dead_jobs | {exit.job_id})
    return record, (ReplaceAgent(exit),)


def _replacement_due(record: DispatchRecord, exit: JobExit, now: float) -> Next:
    lately = tuple(at for at in record.replaced_at if now - at < REPLACED_WITHIN_S)
    record = replace(record, replaced_at=lately)
    room, reason = record.room, exit.reason
    if len(lately) >= REPLACED_MAX:
        why = f"{REPLACED_MAX} agents died within {REPLACED_WITHIN_S:g} s ({reason})."
        record = replace(record, state=State.NOT_JOINED, message=f"{why} No other one is sent.")
        refused = Log(logging.ERROR, f"Room {room} gets no other agent: {why}", exit.job_id)
        return record, (StopMonitor(), refused, Note("gave_up", {"message": why}))
    if exit.how == "lost":
        record = replace(record, lost_at=now, joined_at=record.joined_at or now)
        reason = f"it lost the room: {exit.lost}"
    if exit.how != "stopped":
        record = replace(record, replaced_at=(*lately, now))
    record = replace(record.monitored(now), dispatches_made=0)
    warning = f"The agent of room {room} is gone ({reason}): asking for another"
    return record, (
        Log(logging.WARNING, warning, exit.job_id),
        Note("again", {"reason": reason}),
        StartMonitor(at_once=True),
    )


def _call_found(record: DispatchRecord, call: CallFound) -> DispatchRecord:
    record = replace(
        record, agents_seen=call.agents, request=call.request, requested_at=call.started
    )
    if not call.agents:
        return record
    message = "An agent was in the room before the proxy was."
    return replace(record, state=State.JOINED, message=message, joined_at=call.joined_at)


def _decision(
    record: DispatchRecord, seen: Requested | Looked | StatusRead, now: float
) -> Decision:
    present = {agent.identity for agent in seen.snapshot.agents}
    return decide(
        record.policy.agent_name,
        seen.snapshot,
        seen.worker,
        now=now,
        join_timeout=record.policy.join_timeout,
        left={agent: at for agent, at in record.agents_seen.items() if agent not in present},
        dead=record.dead_jobs,
    )


def _may_dispatch(record: DispatchRecord, snapshot: RoomSnapshot, now: float) -> bool:
    """A monitor brings no room to life, and sends no agent to nobody after a call has ended.

    Nor does it dispatch again when the agent is overdue: that has to be said first.
    """
    in_time = record.state is not State.REQUESTED or not record.is_overdue(now)
    few = record.dispatches_made < DISPATCHES_MAX
    return snapshot.exists and few and in_time and not record.call_has_ended(snapshot)


def _note_waiting(record: DispatchRecord, decision: NoWorker | WrongName) -> Note:
    registered = decision.registered if isinstance(decision, WrongName) else None
    return Note(
        "waiting_for_worker",
        {
            "message": record.message,
            "registered_name": registered,
            "wanted": record.policy.agent_name,
        },
    )
