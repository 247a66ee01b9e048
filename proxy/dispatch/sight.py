"""What the LiveKit server says of one room: who is in it, which dispatches it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from livekit import api

from proxy.sfu import Sfu, SfuError

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Job:
    """A job as the server recorded it when a worker took it (it is hardly updated afterwards)."""

    id: str
    status: str
    worker_id: str = ""
    identity: str = ""
    """Identity under which the agent joins the room."""
    started_at: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Dispatch:
    """A request that an agent join the room, kept by the server as long as the room lives."""

    id: str
    agent_name: str
    created_at: float
    metadata: str = ""
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True)
class Member:
    """A participant of the room."""

    identity: str
    kind: str
    """standard, agent, ingress, egress or sip."""
    joined_at: float = 0.0


@dataclass(frozen=True)
class Sight:
    """A room at one moment. Times are seconds since the epoch."""

    room: str
    exists: bool
    members: tuple[Member, ...] = ()
    dispatches: tuple[Dispatch, ...] = ()
    created_at: float = 0.0

    @property
    def agents(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.kind == "agent")

    @property
    def callers(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.kind in ("standard", "sip"))

    def member(self, identity: str) -> Member:
        """The participant of that identity, who is known to be there."""
        return next(member for member in self.members if member.identity == identity)

    def told(self) -> str:
        """The room in one sentence, for the log."""
        if not self.exists:
            return "the room does not exist"
        members = ", ".join(f"{m.identity} ({m.kind})" for m in self.members) or "nobody"
        dispatches = "; ".join(_told(dispatch) for dispatch in self.dispatches) or "none"
        return f"in the room: {members}; dispatches: {dispatches}"


def _told(dispatch: Dispatch) -> str:
    jobs = ", ".join(
        f"job {job.id} {job.status} at worker {job.worker_id or '?'}"
        + (f" with error {job.error!r}" if job.error else "")
        for job in dispatch.jobs
    )
    return f"{dispatch.id} for {dispatch.agent_name!r} ({jobs or 'no worker took it'})"


async def look(sfu: Sfu, room: str) -> Sight:
    """The room as it is now; `SfuError` when the server does not tell."""
    found = await sfu.room(room)
    if found is None:
        return Sight(room, exists=False)
    try:
        participants, dispatches = await asyncio.gather(
            sfu.participants(room), sfu.dispatches(room)
        )
    except SfuError as error:
        # It may have ended between the questions; the server is then slow to say so.
        if error.code in ("LIVEKIT_NOT_FOUND", "LIVEKIT_TIMEOUT") and not await sfu.room(room):
            return Sight(room, exists=False)
        raise
    return sight_of(room, participants, dispatches, float(found.creation_time))


def sight_of(
    room: str,
    participants: Iterable[api.ParticipantInfo],
    dispatches: Iterable[api.AgentDispatch],
    created_at: float = 0.0,
) -> Sight:
    """A room that exists, from what the server said of it."""
    return Sight(
        room,
        exists=True,
        members=tuple(_member(p) for p in participants if p.state != p.DISCONNECTED),
        dispatches=tuple(_dispatch(d) for d in dispatches if not d.state.deleted_at),
        created_at=created_at,
    )


def _member(participant: api.ParticipantInfo) -> Member:
    kind = api.ParticipantInfo.Kind.Name(participant.kind).lower()
    return Member(participant.identity, kind, float(participant.joined_at))


def _dispatch(dispatch: api.AgentDispatch) -> Dispatch:
    return Dispatch(
        id=dispatch.id,
        agent_name=dispatch.agent_name,
        created_at=dispatch.state.created_at / NANOSECONDS,
        metadata=dispatch.metadata,
        jobs=tuple(_job(job) for job in dispatch.state.jobs),
    )


def _job(job: api.Job) -> Job:
    status = api.JobStatus.Name(job.state.status).removeprefix("JS_").lower()
    return Job(
        id=job.id,
        status=status,
        worker_id=job.state.worker_id,
        identity=job.state.participant_identity,
        started_at=job.state.started_at / NANOSECONDS,
        error=job.state.error,
    )
