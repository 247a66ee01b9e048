"""What the LiveKit server says of one room: who is in it, which dispatches it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from livekit import api

from proxy.clients.sfu import Sfu, SfuError

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class ServerJob:
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
    jobs: tuple[ServerJob, ...] = ()


@dataclass(frozen=True)
class RoomParticipant:
    """A participant of the room."""

    identity: str
    kind: str
    """standard, agent, ingress, egress or sip."""
    joined_at: float = 0.0


@dataclass(frozen=True)
class RoomSnapshot:
    """A room at one moment. Times are seconds since the epoch."""

    room: str
    exists: bool
    participants: tuple[RoomParticipant, ...] = ()
    dispatches: tuple[Dispatch, ...] = ()
    created_at: float = 0.0

    @property
    def agents(self) -> tuple[RoomParticipant, ...]:
        return tuple(p for p in self.participants if p.kind == "agent")

    @property
    def callers(self) -> tuple[RoomParticipant, ...]:
        return tuple(p for p in self.participants if p.kind in ("standard", "sip"))

    def participant(self, identity: str) -> RoomParticipant:
        """The participant of that identity, who is known to be there."""
        return next(p for p in self.participants if p.identity == identity)

    def sentence(self) -> str:
        """The room in one sentence, for the log."""
        if not self.exists:
            return "the room does not exist"
        participants = ", ".join(f"{p.identity} ({p.kind})" for p in self.participants) or "nobody"
        dispatches = (
            "; ".join(_dispatch_in_words(dispatch) for dispatch in self.dispatches) or "none"
        )
        return f"in the room: {participants}; dispatches: {dispatches}"


def _dispatch_in_words(dispatch: Dispatch) -> str:
    jobs = ", ".join(
        f"job {job.id} {job.status} at worker {job.worker_id or '?'}"
        + (f" with error {job.error!r}" if job.error else "")
        for job in dispatch.jobs
    )
    return f"{dispatch.id} for {dispatch.agent_name!r} ({jobs or 'no worker took it'})"


async def fetch_snapshot(sfu: Sfu, room: str) -> RoomSnapshot:
    """The room as it is now; `SfuError` when the server does not tell."""
    server_room = await sfu.room(room)
    if server_room is None:
        return RoomSnapshot(room, exists=False)
    try:
        participants, dispatches = await asyncio.gather(
            sfu.participants(room), sfu.dispatches(room)
        )
    except SfuError as error:
        # It may have ended between the questions; the server is then slow to say so.
        if error.code in ("LIVEKIT_NOT_FOUND", "LIVEKIT_TIMEOUT") and not await sfu.room(room):
            return RoomSnapshot(room, exists=False)
        raise
    return snapshot_of(room, participants, dispatches, float(server_room.creation_time))


def snapshot_of(
    room: str,
    participants: Iterable[api.ParticipantInfo],
    dispatches: Iterable[api.AgentDispatch],
    created_at: float = 0.0,
) -> RoomSnapshot:
    """A room that exists, from what the server said of it."""
    return RoomSnapshot(
        room,
        exists=True,
        participants=tuple(
            _participant(p)
            for p in participants
            if p.state != p.DISCONNECTED and not p.permission.hidden
        ),
        dispatches=tuple(_dispatch(d) for d in dispatches if not d.state.deleted_at),
        created_at=created_at,
    )


def _participant(participant: api.ParticipantInfo) -> RoomParticipant:
    kind = api.ParticipantInfo.Kind.Name(participant.kind).lower()
    return RoomParticipant(participant.identity, kind, float(participant.joined_at))


def _dispatch(dispatch: api.AgentDispatch) -> Dispatch:
    return Dispatch(
        id=dispatch.id,
        agent_name=dispatch.agent_name,
        created_at=dispatch.state.created_at / NANOSECONDS,
        metadata=dispatch.metadata,
        jobs=tuple(_job(job) for job in dispatch.state.jobs),
    )


def _job(job: api.Job) -> ServerJob:
    status = api.JobStatus.Name(job.state.status).removeprefix("JS_").lower()
    return ServerJob(
        id=job.id,
        status=status,
        worker_id=job.state.worker_id,
        identity=job.state.participant_identity,
        started_at=job.state.started_at / NANOSECONDS,
        error=job.state.error,
    )
