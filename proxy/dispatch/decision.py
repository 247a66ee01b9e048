"""What to do for a room that wants an agent: a pure function of what is seen.

The LiveKit server keeps a dispatch as long as its room lives, and goes on calling its job
"running" after the job ended or its worker died. So a job is believed only as far as the worker
itself lists it, or the agent is in the room, or the job is too young to tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.dispatch.sight import Dispatch, Job, Sight
from proxy.registration import Worker

GRACE_S = 3.0
"""Age up to which a dispatch may have no job yet, and a job not be in the worker's list yet."""


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
    sight: Sight,
    worker: Worker | None,
    *,
    now: float,
    patience: float,
    left: frozenset[str] = frozenset(),
) -> Decision:
    """What the room of `sight` needs to have exactly one agent.

    `worker` is None when it is not to be asked. `left` are identities of agents that have been in
    the room and are not any more. `patience` is how long an agent may take to join. All times are
    seconds, `now` since the epoch.
    """
    ours = [dispatch for dispatch in sight.dispatches if dispatch.agent_name == agent_name]
    by_identity = {job.identity: (d, job) for d in ours for job in d.jobs if job.identity}
    ghosts: list[str] = []
    for agent in sight.agents:
        dispatch, job = by_identity.get(agent.identity, (None, None))
        if job is None or not _is_over(job, worker, now):
            return Present(agent.identity, dispatch)
        ghosts.append(agent.identity)

    gone = left | set(ghosts)
    for dispatch in ours:
        if _is_live(dispatch, worker, now, patience, gone):
            return Coming(dispatch)

    if worker is not None:
        if worker.status is None or not worker.status.registered:
            return NoWorker()
        if worker.status.agent_name != agent_name:
            return WrongName(worker.status.agent_name)
    return Needed(tuple(dispatch.id for dispatch in ours), tuple(ghosts))


def _is_live(
    dispatch: Dispatch, worker: Worker | None, now: float, patience: float, gone: frozenset[str]
) -> bool:
    if not dispatch.jobs:
        return now - dispatch.created_at < GRACE_S
    return any(
        job.status in ("pending", "running")
        and job.identity not in gone
        and now - job.started_at < patience
        and not _is_over(job, worker, now)
        for job in dispatch.jobs
    )


def _is_over(job: Job, worker: Worker | None, now: float) -> bool:
    """Whether the worker shows that it does not run this job (any more)."""
    if worker is None or now - job.started_at < GRACE_S:
        return False
    if worker.status is None or not worker.status.registered:
        # Only a process that is not there proves something: a slow one may still run the job.
        return worker.gone
    if job.id in worker.jobs:
        return False
    # Taken after our worker registered, but by another one: that one is not ours to judge.
    elsewhere = job.worker_id != worker.status.worker_id
    return not (elsewhere and job.started_at > (worker.status.registered_at or 0.0))
