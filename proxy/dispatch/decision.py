"""What to do for a room that wants an agent: a pure function of what is seen.

The LiveKit server is a poor witness of jobs. It keeps a dispatch as long as its room lives, goes on
calling its job "running" after the job ended or its worker died, and may name the job of a new
dispatch only five seconds after a worker took it. So the worker's own list of jobs counts most,
then who is in the room, then how old things are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from proxy.clients.registration import Worker
from proxy.dispatch.snapshot import Dispatch, RoomParticipant, RoomSnapshot, ServerJob

TAKEN_S = 3.0
"""Age up to which a dispatch may be missing in the worker's list of jobs."""
NAMED_S = 7.0
"""Age up to which the server may not have named the job of a dispatch."""
CLOCKS_S = 1.0
"""How far apart the clocks of the LiveKit server and the worker may be."""
RETURNS_S = 8.0
"""Age of a room up to which an agent from before a restart of the server may still come back."""
AGENT_PREFIX = "agent-"
"""An agent's identity is this and the id of its job, unless its worker chose another."""


@dataclass(frozen=True)
class Present:
    """An agent is in the room."""

    identity: str
    dispatch: Dispatch | None


@dataclass(frozen=True)
class Coming:
    """A live dispatch is bringing one."""

    dispatch: Dispatch


@dataclass(frozen=True)
class Needed:
    """No agent is there or on its way. What is left of earlier ones has to go first."""

    stale: tuple[str, ...] = ()
    """Dispatches whose agent will not come any more."""
    ghosts: tuple[str, ...] = ()
    """Agents the server still shows although their job is over."""


@dataclass(frozen=True)
class NoWorker:
    """Nobody is registered who could take a dispatch."""


@dataclass(frozen=True)
class WrongName:
    """The worker is registered under another name than the one asked for."""

    registered: str


Decision = Present | Coming | Needed | NoWorker | WrongName


def decide(
    agent_name: str,
    snapshot: RoomSnapshot,
    worker: Worker | None,
    *,
    now: float,
    join_timeout: float,
    left: Mapping[str, float],
    dead: Collection[str] = (),
) -> Decision:
    """What the room of `snapshot` needs to have exactly one agent.

    `worker` is None when it is not to be asked. `left` maps the identity of each agent that was in
    the room, and is there no more, to the time it was first seen. `dead` holds the ids of jobs
    whose process has died. An agent may take `join_timeout` seconds to join. Times are seconds
    since the epoch.
    """
    ours = [dispatch for dispatch in snapshot.dispatches if dispatch.agent_name == agent_name]
    ghosts: list[str] = []
    for agent in snapshot.agents:
        dispatch, job = _origin(agent, ours)
        died = agent.identity.removeprefix(AGENT_PREFIX) in dead
        if not died and not _is_ghost(agent, job, worker, now):
            return Present(agent.identity, dispatch)
        ghosts.append(agent.identity)

    gone = {*left, *ghosts, *(AGENT_PREFIX + job_id for job_id in dead)}
    jobs = _jobs_to_come(snapshot.room, worker, now - join_timeout, gone)
    for dispatch in ours:
        if dispatch.jobs:
            coming = any(
                # A job may wait long for a process: the worker tells of it until it has begun.
                job.id in jobs or _will_join(job, worker, now, join_timeout, gone)
                for job in dispatch.jobs
            )
        else:
            came_and_went = any(seen >= dispatch.created_at for seen in left.values())
            coming = bool(jobs) or (not came_and_went and _may_be_taken(dispatch, worker, now))
        if coming:
            return Coming(dispatch)
    if not ours and (returning := _returning(snapshot, worker, now)) is not None:
        named = (ServerJob(returning, "running"),)
        return Coming(Dispatch("", agent_name, snapshot.created_at, jobs=named))

    if worker is not None:
        if worker.status is None or not worker.status.registered:
            return NoWorker()
        if worker.status.agent_name != agent_name:
            return WrongName(worker.status.agent_name)
    return Needed(tuple(dispatch.id for dispatch in ours), tuple(ghosts))


def _origin(
    agent: RoomParticipant, ours: list[Dispatch]
) -> tuple[Dispatch | None, ServerJob | None]:
    """The dispatch and job that brought `agent`, as far as the server has named them."""
    for dispatch in ours:
        for job in dispatch.jobs:
            if job.identity == agent.identity:
                return dispatch, job
    unnamed = [dispatch for dispatch in ours if not dispatch.jobs]
    return (unnamed[0] if len(unnamed) == 1 else None), None


def _is_ghost(
    agent: RoomParticipant, job: ServerJob | None, worker: Worker | None, now: float
) -> bool:
    """Whether the server still shows an agent whose job is over."""
    if now - agent.joined_at < NAMED_S:
        return False
    if job is None:
        job_id = agent.identity.removeprefix(AGENT_PREFIX)
        if job_id == agent.identity:
            return False  # not named after a job: nobody can say
        job = ServerJob(job_id, "running", started_at=agent.joined_at)
    return _is_over(job, worker, now)


def _returning(snapshot: RoomSnapshot, worker: Worker | None, now: float) -> str | None:
    """The job of a call that goes on at a LiveKit server which was restarted: callers and agent
    join again by themselves, in any order, and the room is younger than the job."""
    if worker is None or worker.status is None or now - snapshot.created_at > RETURNS_S:
        return None
    older = snapshot.created_at - CLOCKS_S
    jobs = [job.id for job in worker.status.jobs if job.room == snapshot.room and job.since < older]
    return jobs[0] if jobs else None


def _jobs_to_come(room: str, worker: Worker | None, since: float, gone: set[str]) -> list[str]:
    """Jobs of `room` the worker runs, whose agents have not been in the room yet."""
    if worker is None or worker.status is None:
        return []
    return [
        job.id
        for job in worker.status.jobs
        if job.room == room and job.since > since and AGENT_PREFIX + job.id not in gone
    ]


def _may_be_taken(dispatch: Dispatch, worker: Worker | None, now: float) -> bool:
    """Whether a dispatch without a job may still get one."""
    age = now - dispatch.created_at
    if worker is None or (worker.status is None and not worker.gone):
        return age < NAMED_S
    if worker.status is None or not worker.status.registered:
        return False
    registered_at = worker.status.registered_at or 0.0
    return age < TAKEN_S and dispatch.created_at > registered_at - CLOCKS_S


def _will_join(
    job: ServerJob, worker: Worker | None, now: float, join_timeout: float, gone: set[str]
) -> bool:
    """Whether the agent of a job that the server names is still on its way."""
    return (
        job.status in ("pending", "running")
        and job.identity not in gone
        and now - job.started_at < join_timeout
        and not _is_over(job, worker, now)
    )


def _is_over(job: ServerJob, worker: Worker | None, now: float) -> bool:
    """Whether the worker shows that it does not run this job (any more)."""
    if worker is None or now - job.started_at < TAKEN_S:
        return False
    if worker.status is None:
        # Only a process that is not there proves something: a slow one may still run the job.
        return worker.gone
    if job.id in worker.jobs:
        return False
    if not worker.status.registered:
        return True
    # Taken after our worker registered, but by another one: that one is not ours to judge.
    elsewhere = job.worker_id not in ("", worker.status.worker_id)
    return not (elsewhere and job.started_at > (worker.status.registered_at or 0.0))


def runs_no_job_of(room: str, worker: Worker | None) -> bool:
    """Whether the worker shows that it runs no job for this room."""
    if worker is None or worker.status is None:
        return False
    return all(job.room != room for job in worker.status.jobs)
