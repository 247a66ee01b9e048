"""The table of the dispatch's state machine in docs/architecture.md, made by running `transition`.

python -m proxy.dispatch.table            rewrite the table
python -m proxy.dispatch.table --check    only say whether it is up to date (exit code 1 when not)
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from common.doc_tables import ARCHITECTURE, rewrite
from proxy.clients.registration import Worker, WorkerJob, WorkerStatus
from proxy.dispatch.messages import (
    AgentReported,
    CreateDispatch,
    Dispatched,
    Effect,
    Log,
    Looked,
    LookFailed,
    Note,
    Refuse,
    ReplacementDue,
    Requested,
    RequestFailed,
    RoomFinished,
    RoomGone,
    Seen,
    StatusRead,
    TimePassed,
)
from proxy.dispatch.records import MEANING, DispatchPolicy, DispatchRecord, DispatchRequest, State
from proxy.dispatch.snapshot import Dispatch, RoomParticipant, RoomSnapshot
from proxy.dispatch.timeline_facts import CallFound, JobExit
from proxy.dispatch.transition import (
    DISPATCHES_MAX,
    REPLACED_MAX,
    REPLACED_WITHIN_S,
    ROOM_GRACE_S,
    WATCH_PRESENT_S,
    transition,
)

NOW = 1_000_000.0
POLICY = DispatchPolicy("voice", join_timeout=15.0, worker_wait=600.0)
AGENT, JOB = "agent-AJ_1", "AJ_1"
BLANK = DispatchRecord("room", POLICY)
REQUESTED = replace(
    BLANK,
    state=State.REQUESTED,
    requested_at=NOW - 2,
    dispatch_id="AD_1",
    dispatched_at=NOW - 2,
    dispatches_made=1,
    give_up_at=NOW + 598,
)
RECORDS = {
    State.NONE: replace(BLANK, give_up_at=NOW + 600),
    State.WAITING: replace(BLANK, state=State.WAITING, requested_at=NOW - 2, give_up_at=NOW + 598),
    State.REQUESTED: REQUESTED,
    State.JOINED: replace(
        REQUESTED, state=State.JOINED, joined_at=NOW - 2, agents_seen={AGENT: NOW - 2}
    ),
    State.NOT_JOINED: replace(
        REQUESTED, state=State.NOT_JOINED, dispatched_at=NOW - 16, dispatches_made=0, overdue=True
    ),
}
"""A usual record of each state."""

CALLER = RoomParticipant("caller-1", "standard", NOW - 9)
THERE = RoomParticipant(AGENT, "agent", NOW - 1)
NO_ROOM = RoomSnapshot("room", exists=False)
NOBODY = RoomSnapshot("room", exists=True)
NO_AGENT = RoomSnapshot("room", exists=True, participants=(CALLER,))
COMING = replace(NO_AGENT, dispatches=(Dispatch("AD_2", "voice", NOW - 1),))
PRESENT = replace(NO_AGENT, participants=(CALLER, THERE))


def _worker(name: str = "voice", *, registered: bool = True, job: str = "") -> Worker:
    jobs = [WorkerJob(id=job, room="room", since=NOW - 1)] if job else []
    status = WorkerStatus(registered=registered, agent_name=name, jobs=jobs)
    return Worker("http://agent", status, jobs=frozenset(job.id for job in jobs))


READY, OTHER, NONE_REGISTERED = _worker(), _worker("other"), _worker(registered=False)
BUSY = _worker(job="AJ_2")


@dataclass(frozen=True)
class Sighting:
    """One thing that is seen, in words and as `transition` takes it."""

    words: str
    seen: Seen
    given: Callable[[DispatchRecord], DispatchRecord] = lambda record: record
    """What has to be so in the record before."""


def _requested(snapshot: RoomSnapshot, worker: Worker) -> Requested:
    return Requested(snapshot, worker, DispatchRequest("agent-1"))


def _overdue(record: DispatchRecord) -> DispatchRecord:
    return replace(record, dispatched_at=NOW - 16, joined_at=None, overdue=False)


LOST = JobExit(JOB, "lost", "room disconnected", "SERVER_SHUTDOWN")
DIED = JobExit(JOB, "died", "it was killed")
SIGHTINGS = [
    Sighting("a request; an agent is in the room", _requested(PRESENT, READY)),
    Sighting("a request; an agent is on its way", _requested(COMING, READY)),
    Sighting("a request; an agent is needed", _requested(NO_AGENT, READY)),
    Sighting("a request; no worker is registered", _requested(NO_AGENT, NONE_REGISTERED)),
    Sighting("a request; the worker has another name", _requested(NO_AGENT, OTHER)),
    Sighting("a request; the LiveKit server fails", RequestFailed()),
    Sighting("the dispatch for a request is made", Dispatched("AD_3", DispatchRequest(), True)),
    Sighting("a dispatch of the monitor is made", Dispatched("AD_3", None, True)),
    Sighting("the monitor sees the agent", Looked(PRESENT, READY)),
    Sighting(
        "the monitor sees an agent that was there before the request, for "
        f"{WATCH_PRESENT_S:g} s at most",
        Looked(PRESENT, READY),
        lambda record: replace(record, dispatches_made=0, requested_at=NOW - 5),
    ),
    Sighting("the monitor sees one on its way", Looked(COMING, READY)),
    Sighting("the monitor sees that an agent is needed", Looked(NO_AGENT, READY)),
    Sighting(
        f"… after {DISPATCHES_MAX} dispatches",
        Looked(NO_AGENT, READY),
        lambda record: replace(record, dispatches_made=DISPATCHES_MAX),
    ),
    Sighting(
        "… but the agent was there, and the callers have left",
        Looked(NOBODY, READY),
        lambda record: replace(record, joined_at=NOW - 1, agents_seen={AGENT: NOW - 1}),
    ),
    Sighting(
        "… the server lost the room lately, and the callers may come back",
        Looked(NOBODY, READY),
        lambda record: replace(
            record, joined_at=NOW - 1, agents_seen={AGENT: NOW - 1}, lost_at=NOW - 1
        ),
    ),
    Sighting(
        "the agent is overdue, the worker runs a job for the room", Looked(COMING, BUSY), _overdue
    ),
    Sighting("the agent is overdue, the worker runs none", Looked(NO_AGENT, READY), _overdue),
    Sighting("the monitor sees no registered worker", Looked(NO_AGENT, NONE_REGISTERED)),
    Sighting("the monitor sees a worker of another name", Looked(NO_AGENT, OTHER)),
    Sighting("the monitor sees no room", Looked(NO_ROOM, READY)),
    Sighting(
        f"… for {ROOM_GRACE_S:g} s",
        Looked(NO_ROOM, READY),
        lambda record: replace(record, missing_since=NOW - ROOM_GRACE_S),
    ),
    Sighting("the LiveKit server does not let the monitor look", LookFailed("X", "refused")),
    Sighting("time passes without a worker", TimePassed()),
    Sighting(
        "… longer than DISPATCH_WAIT, or AGENT_JOIN_TIMEOUT after a dispatch",
        TimePassed(),
        lambda record: replace(record, give_up_at=NOW, dispatched_at=NOW - 15),
    ),
    Sighting("the server reports that an agent joined or left", AgentReported("agent-AJ_9")),
    Sighting(
        "the worker tells that a job died or was stopped whose agent was there",
        DIED,
        lambda record: record.saw(AGENT, NOW - 1),
    ),
    Sighting("… whose agent was never there", DIED, lambda record: replace(record, agents_seen={})),
    Sighting("the worker tells that a job lost its room", LOST),
    Sighting("another agent is due", ReplacementDue(DIED)),
    Sighting(
        f"… after {REPLACED_MAX} within {REPLACED_WITHIN_S:g} s",
        ReplacementDue(DIED),
        lambda record: replace(record, replaced_at=(NOW - 1,) * REPLACED_MAX),
    ),
    Sighting("the server reports that the room has ended", RoomFinished()),
    Sighting(
        "… which it lost lately", RoomFinished(), lambda record: replace(record, lost_at=NOW - 1)
    ),
    Sighting("the server knows the room no more", RoomGone()),
    Sighting(
        "a call from before this proxy is found, with an agent",
        CallFound({AGENT: NOW - 60}, NOW - 60, DispatchRequest(), NOW - 70),
    ),
    Sighting("the status is read; an agent is in the room", StatusRead(PRESENT, READY)),
    Sighting("the status is read; an agent is on its way", StatusRead(COMING, READY)),
    Sighting("the status is read; there is none", StatusRead(NO_AGENT, READY)),
]


@dataclass(frozen=True)
class Row:
    """States in which a sighting has the same consequence; `next` is None where they stay."""

    seen: str
    states: tuple[State, ...]
    next: State | None
    effects: tuple[str, ...]


def rows() -> list[Row]:
    """The whole table: what each state becomes at each sighting, and what is done then."""
    table = []
    for sighting in SIGHTINGS:
        by_effects: dict[tuple[str, ...], dict[State, State]] = {}
        for state, record in RECORDS.items():
            after, effects = transition(sighting.given(record), sighting.seen, NOW)
            done = tuple(_effect_in_words(effect) for effect in effects)
            by_effects.setdefault(done, {})[state] = after.state
        for done, becomes in by_effects.items():
            for states, next_state in _grouped(becomes):
                table.append(Row(sighting.words, states, next_state, done))
    return table


def _grouped(becomes: dict[State, State]) -> list[tuple[tuple[State, ...], State | None]]:
    """States that become the same one, or that all stay."""
    targets = set(becomes.values())
    if len(targets) == 1:
        (target,) = targets
        return [(tuple(becomes), None if set(becomes) == targets else target)]
    staying = tuple(state for state, target in becomes.items() if state is target)
    groups: list[tuple[tuple[State, ...], State | None]] = [(staying, None)] if staying else []
    for target in State:
        moving = tuple(s for s, other in becomes.items() if other is target and s is not target)
        groups += [(moving, target)] if moving else []
    return groups


def _effect_in_words(effect: Effect) -> str:
    name = type(effect).__name__
    match effect:
        case Log(level):
            return f"{name} {logging.getLevelName(level)}"
        case Note(event):
            return f"{name} {event}"
        case Refuse(status):
            return f"{name} {status}"
        case CreateDispatch(request=request):
            return name if request is not None else f"{name} again"
    return name


def markdown(table: list[Row]) -> str:
    """The states with their meaning, and the rows of `table`."""
    lines = ["| state | meaning |", "|---|---|"]
    lines += [f"| `{state}` | {meaning} |" for state, meaning in MEANING.items()]
    lines += ["", "| what is seen | in state | next state | effects |", "|---|---|---|---|"]
    for row in table:
        everywhere = len(row.states) == len(State)
        states = "any" if everywhere else ", ".join(f"`{state}`" for state in row.states)
        becomes = "stays" if row.next is None else f"`{row.next}`"
        effects = ", ".join(f"`{effect}`" for effect in row.effects) or "none"
        lines.append(f"| {row.seen} | {states} | {becomes} | {effects} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str], page: Path = ARCHITECTURE) -> int:
    return rewrite(arguments, "dispatch", markdown(rows()), "proxy.dispatch.table", page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
