"""Seeing to it that a dispatched agent joins: waiting for the worker, dispatching again, alarm.

One task a room runs from the request until the agent is there, the room has ended, or nothing
more can be hoped for.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from common import logs
from proxy.dispatch.decision import (
    AGENT_PREFIX,
    Coming,
    Needed,
    NoWorker,
    Present,
    WrongName,
)
from proxy.dispatch.placing import Placer, Settled
from proxy.dispatch.record import Record
from proxy.dispatch.sight import Sight
from proxy.settings import ProxySettings
from proxy.sfu import SfuError

log = logging.getLogger("proxy.dispatch")

POLL_S = 1.0
"""Between two looks at a room, unless the server reports something earlier."""
POLL_WORKER_S = 0.5
"""Between two questions whether a worker has registered; all waiting rooms share the answer."""
LOOKS_EVERY = 10
"""While no worker is registered, only every so many polls also look at the room."""
ROOM_GRACE_S = 30.0
"""How long a room may be missing: it may not exist yet, or the server is restarting."""
WATCH_PRESENT_S = 30.0
"""How long an agent that was already there is watched: it may belong to a call that just ended."""
DISPATCHES_MAX = 3


@dataclass
class _Watch:
    """What one follower keeps in mind."""

    patience: float
    give_up_at: float
    alarmed: bool = False
    missing_since: float | None = None
    polls: int = 0
    told_error: str = ""


async def follow(record: Record, placer: Placer, settings: ProxySettings) -> None:
    """Run until the outcome of the room's dispatch is known; it stands in `record`."""
    started = placer.clock()
    watch = _Watch(
        patience=settings.agent_join_timeout,
        give_up_at=started + settings.dispatch_wait,
    )
    while True:
        waiting = record.state == "waiting_for_worker"
        await _news_or_timeout(record, POLL_WORKER_S if waiting else POLL_S)
        watch.polls += 1
        if waiting and watch.polls % LOOKS_EVERY and not await _worker_is_ready(placer):
            if _too_late(record, watch, placer.clock()):
                return
            continue
        async with record.lock:
            try:
                settled = await placer.settle(
                    record,
                    record.wish,
                    lambda sight: _may_dispatch(record, watch, sight, placer.clock()),
                )
            except SfuError as error:
                _tell_once(record, watch, error)
                if _too_late(record, watch, placer.clock()):
                    return
                continue
            watch.told_error = ""
            if _is_settled(record, watch, settled, placer):
                return


async def _news_or_timeout(record: Record, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await record.news.wait()
    except TimeoutError:
        return
    record.news.clear()


async def _worker_is_ready(placer: Placer) -> bool:
    worker = await placer.worker(max_age=POLL_WORKER_S / 2)
    return worker is None or (
        worker.status is not None
        and worker.registered
        and worker.status.agent_name == placer.agent_name
    )


def _may_dispatch(record: Record, watch: _Watch, sight: Sight, now: float) -> bool:
    """A follower never brings a room to life, nor an agent to nobody after a call has ended.

    Nor does it dispatch again when the agent is overdue: that has to be said first.
    """
    in_time = record.state != "requested" or not _is_overdue(record, watch, now)
    few = record.dispatches_made < DISPATCHES_MAX
    return sight.exists and few and in_time and not _call_has_ended(record, sight)


def _call_has_ended(record: Record, sight: Sight) -> bool:
    return record.joined_at is not None and not sight.callers


def _is_overdue(record: Record, watch: _Watch, now: float) -> bool:
    """Whether the agent of the last dispatch should have been here by now."""
    dispatched = record.dispatched_at
    return (
        dispatched is not None and record.joined_at is None and now - dispatched >= watch.patience
    )


def _is_settled(record: Record, watch: _Watch, settled: Settled, placer: Placer) -> bool:
    """Put what was seen into `record`; whether there is nothing left to see to."""
    now = placer.clock()
    if not settled.sight.exists:
        watch.missing_since = watch.missing_since or now
        if now - watch.missing_since >= ROOM_GRACE_S:
            record.state, record.message = "none", "The room has ended."
            log.info("Room %s has ended; nothing more to dispatch there", record.room)
            return True
        return _too_late(record, watch, now)
    watch.missing_since = None

    match settled.decision:
        case Present(identity=identity):
            return _has_joined(record, identity, placer)
        case NoWorker() | WrongName():
            if record.state != "waiting_for_worker":
                log.warning("Room %s waits for a worker. %s", record.room, _worker(settled))
                record.message = f"Waiting for a worker. {_worker(settled)}"
                placer.note_waiting(record, settled)
            record.state = "waiting_for_worker"
            record.message = f"Waiting for a worker. {_worker(settled)}"
            record.dispatches_made = 0
            if settled.sight.callers and record.joined_at is not None:
                # The call goes on without its agent, which was there: it is not overdue.
                record.joined_at = record.dispatched_at = None
        case Coming(dispatch=dispatch) if record.state == "waiting_for_worker":
            record.state, record.message = "requested", "The agent is on its way."
            record.dispatch_id, record.dispatched_at = dispatch.id, dispatch.created_at
        case Needed():
            if settled.made is not None:
                note_dispatch(record, settled.made, now)
                watch.alarmed = False
            elif _call_has_ended(record, settled.sight) and not record.is_awaited(now):
                record.state, record.message = "none", "The call has ended and the agent has left."
                return True
    return _alarm(record, watch, settled, placer) or _too_late(record, watch, now)


def note_dispatch(record: Record, dispatch_id: str, now: float) -> None:
    """Put a dispatch that was just made into `record`."""
    record.state = "requested"
    record.message = "The agent was asked to join."
    record.dispatch_id = dispatch_id
    record.dispatched_at = now
    record.joined_at = None
    record.dispatches_made += 1


def _has_joined(record: Record, identity: str, placer: Placer) -> bool:
    now = placer.clock()
    if record.state != "joined":
        seconds = round(now - (record.dispatched_at or now), 1)
        logs.about(record.room, identity.removeprefix(AGENT_PREFIX))
        log.info(
            "Agent %s is in room %s, %.1f s after the dispatch", identity, record.room, seconds
        )
        verified = {"identity": identity, "seconds": seconds}
        placer.timeline.note(record.room, "dispatch", "verified", verified)
    record.saw(identity, now)
    record.state, record.message = "joined", f"Agent {identity} is in the room."
    record.joined_at = record.joined_at or now
    came_for_this_request = record.dispatches_made > 0
    watched_since = record.requested_at or now
    return came_for_this_request or now - watched_since >= WATCH_PRESENT_S


def _alarm(record: Record, watch: _Watch, settled: Settled, placer: Placer) -> bool:
    """Say loudly, once a dispatch, that the agent is overdue; whether that is the end of it."""
    if watch.alarmed or not _is_overdue(record, watch, placer.clock()):
        return False
    watch.alarmed = True
    log.critical(
        "CRITICAL: dispatch succeeded but agent did not join room %s within %g s. "
        "Last dispatch %s. %s The LiveKit server says: %s.",
        record.room,
        watch.patience,
        record.dispatch_id,
        _worker(settled),
        settled.sight.told(),
    )
    overdue = (
        f"The dispatch succeeded, but the agent did not join within {watch.patience:g} s. "
        f"{_worker(settled)} The worker's log has the cause."
    )
    placer.timeline.note(record.room, "dispatch", "alarm", {"message": overdue})
    if record.state == "waiting_for_worker":
        return False
    record.state, record.message = "not_joined", overdue
    if _is_lost(record, settled):
        # The worker had no place for it, or the server let it drop: it is asked for again.
        record.dispatches_made = 0
        return False
    return True


def _is_lost(record: Record, settled: Settled) -> bool:
    """Whether a registered worker shows that it runs no job for this room."""
    worker = settled.worker
    if worker is None or worker.status is None:
        return False
    return all(job.room != record.room for job in worker.status.jobs)


def _too_late(record: Record, watch: _Watch, now: float) -> bool:
    limit = watch.give_up_at
    if record.state == "requested" and record.dispatched_at is not None:
        limit = record.dispatched_at + watch.patience
    if now < limit:
        return False
    log.warning("Gave up on room %s: %s", record.room, record.message)
    record.state = "not_joined"
    record.message = f"Gave up. {record.message}"
    return True


def _tell_once(record: Record, watch: _Watch, error: SfuError) -> None:
    if watch.told_error != error.code:
        log.warning("Cannot see to the agent of room %s: %s", record.room, error)
        watch.told_error = error.code


def _worker(settled: Settled) -> str:
    return settled.worker.sentence if settled.worker else "The worker was not asked (AGENT_CHECK)."
