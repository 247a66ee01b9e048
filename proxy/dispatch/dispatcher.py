"""The agent of every room: asked for once, followed until it is there, forgotten with the room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from common import logs
from common.events import Event
from proxy.dispatch.decision import (
    AGENT_PREFIX,
    Coming,
    Needed,
    NoWorker,
    Present,
    WrongName,
)
from proxy.dispatch.ends import End, end_in_call
from proxy.dispatch.following import follow, note_dispatch
from proxy.dispatch.placing import Placer, Settled
from proxy.dispatch.record import Record, Records, Wish
from proxy.dispatch.remembering import remember
from proxy.errors import ApiError
from proxy.registration import Registration
from proxy.settings import ProxySettings
from proxy.sfu import Sfu
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.dispatch")

REPLACED_MAX = 3
REPLACED_WITHIN_S = 60.0
"""So many agents of a room that died or lost it are replaced; else one that always does would go
on for ever."""


@dataclass(frozen=True)
class Outcome:
    """What came of a request: a sentence, and the dispatch that brings or brought the agent."""

    message: str
    dispatch_id: str | None


class Dispatcher:
    """Brings the agent into rooms. One per process: its locks are what keeps a second one away."""

    def __init__(
        self, settings: ProxySettings, sfu: Sfu, registration: Registration, timeline: Timeline
    ) -> None:
        self._settings = settings
        self._sfu = sfu
        self._timeline = timeline
        self._placer = Placer(settings, sfu, registration, timeline)
        self._records = Records()
        self._replacing: set[asyncio.Task[None]] = set()
        timeline.listeners.append(self._heard)

    async def aclose(self) -> None:
        """End all followers."""
        tasks = [r.follower for r in self._records.all() if r.follower is not None]
        tasks += self._replacing
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def request(self, room: str, wish: Wish) -> Outcome:
        """Have exactly one agent in `room`, as it is wished for.

        Raises `ApiError`: 503 when nobody is registered, 409 when under another name (both make
        up for it by themselves later), 502 or 503 when the LiveKit server is at fault.
        """
        logs.about(room)
        log.info("Attempting to dispatch agent to room: %s", room)
        record = self._records.claim(room)
        if record is None:
            raise ApiError(
                503,
                "TOO_MANY_ROOMS",
                f"{len(self._records)} rooms wait for an agent already; end some of them.",
                headers={"Retry-After": "5"},
            )
        async with record.lock:
            self._stop_following(record)
            try:
                settled = await self._placer.settle(record, wish, lambda _: True)
                outcome = self._outcome(record, wish, settled)
                told = {"state": record.state, "message": outcome.message}
                self._timeline.note(room, "dispatch", "answered", told)
                return outcome
            finally:
                if record.state != "none":
                    record.follower = asyncio.create_task(
                        self._followed(record), name=f"follow {room}"
                    )

    def _outcome(self, record: Record, wish: Wish, settled: Settled) -> Outcome:
        """Put what was found and done into `record`, and say it."""
        room, name = record.room, self._placer.agent_name
        # A dispatch under way keeps what it was made with; everything else follows this request.
        mine = isinstance(settled.decision, Coming) and (
            settled.decision.dispatch.id == record.dispatch_id
        )
        if not mine:
            record.wish = replace(wish, fault=None)
        record.requested_at = self._placer.clock()
        record.dispatches_made, record.joined_at = 0, None
        match settled.decision:
            case Present(identity, dispatch):
                record.state = "joined"
                record.message = f"Agent {identity} is in the room."
                record.dispatch_id = dispatch.id if dispatch else None
                record.dispatched_at = dispatch.created_at if dispatch else None
                record.joined_at = record.requested_at
                record.saw(identity, record.requested_at)
                said = f"Agent {identity} is already in room {room}; no second one was asked for."
                return Outcome(said + wish.unmet_by(dispatch), record.dispatch_id)
            case Coming(dispatch):
                record.state = "requested"
                record.message = "The agent is on its way."
                record.dispatch_id, record.dispatched_at = dispatch.id, dispatch.created_at
                record.dispatches_made = 1
                said = (
                    f"An agent is already on its way to room {room}; no second one was asked for."
                )
                return Outcome(said + wish.unmet_by(dispatch), dispatch.id)
            case Needed():
                assert settled.made is not None  # a request may always dispatch
                note_dispatch(record, settled.made, record.requested_at)
                new = "" if settled.sight.exists else " The room did not exist: this created it."
                return Outcome(f"Agent {name!r} was asked to join room {room}.{new}", settled.made)
            case NoWorker() | WrongName():
                raise self._nobody(record, settled)

    def _nobody(self, record: Record, settled: Settled) -> ApiError:
        assert settled.worker is not None  # only a worker that was asked can be missing
        name = self._placer.agent_name
        later = (
            f"The dispatch to room {record.room} is made by itself as soon as a worker registers "
            f"as {name!r} while the room lives (for {self._settings.dispatch_wait:g} s at most)."
        )
        record.state = "waiting_for_worker"
        record.dispatch_id, record.dispatched_at = None, None
        record.message = f"Waiting for a worker. {settled.worker.sentence}"
        self._placer.note_waiting(record, settled)
        if isinstance(settled.decision, WrongName):
            return ApiError(
                409,
                "AGENT_NAME_MISMATCH",
                f"The worker is registered as {settled.decision.registered!r}, but {name!r} was "
                "asked for: a dispatch would reach nobody. Set LIVEKIT_AGENT_NAME to the same "
                f"value for both and restart them. {later}",
            )
        return ApiError(
            503,
            "AGENT_NOT_REGISTERED",
            f"No agent worker is registered as {name!r}. {settled.worker.sentence} {later} See "
            "the agent process (./restart_voice_system.sh status); if the worker runs elsewhere, "
            "set AGENT_URL to its status or AGENT_CHECK=false.",
            headers={"Retry-After": "2"},
        )

    async def status(self, room: str) -> tuple[Record, Settled]:
        """What is remembered of `room`, and what it is like now."""
        record = self._records.get(room) or Record(room)
        return record, await self._placer.see(record)

    def agent_reported(self, room: str, identity: str) -> None:
        """The server reported that an agent joined or left `room`."""
        record = self._records.get(room)
        if record is not None:
            record.saw(identity, self._placer.clock())
            record.news.set()

    def _heard(self, event: Event) -> None:
        """The worker tells of a job of ours that died in a call, that it ended itself because it
        stops, or that lost its room: another one takes its place, as soon as there is a worker."""
        end = end_in_call(event)
        if end is None:
            return
        record = self._records.get(event.room) or self._remembered(event.room)
        job_id = str(event.data.get("job_id") or "")
        if record is None or job_id in record.dead:
            return
        # Only one that was there is replaced: one that cannot begin would never end.
        if end == "lost" or AGENT_PREFIX + job_id in record.seen:
            record.dead.add(job_id)
            replacing = self._replace(record, end, event.data)
            task = asyncio.create_task(replacing, name=f"replace {job_id}")
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)

    def _remembered(self, room: str) -> Record | None:
        """Of a call that began before this proxy: as the timeline knows it."""
        call = self._timeline.live.current(room)
        record = self._records.claim(room) if call is not None else None
        if call is not None and record is not None:
            remember(record, call)
        return record

    async def _replace(self, record: Record, end: End, told: Mapping[str, Any]) -> None:
        reason = str(told.get("reason") or "its process ended")
        logs.about(record.room, str(told.get("job_id") or ""))
        async with record.lock:
            self._stop_following(record)
            now = self._placer.clock()
            record.replaced_at = [at for at in record.replaced_at if now - at < REPLACED_WITHIN_S]
            if len(record.replaced_at) >= REPLACED_MAX:
                said = f"{REPLACED_MAX} agents died within {REPLACED_WITHIN_S:g} s ({reason})."
                log.error("Room %s gets no other agent: %s", record.room, said)
                record.state, record.message = "not_joined", f"{said} No other one is sent."
                self._timeline.note(record.room, "dispatch", "gave_up", {"message": said})
                return
            if end == "lost":
                record.lost_at, record.joined_at = now, record.joined_at or now
                reason = f"it lost the room: {told['lost']}"
            if end != "stopped":
                record.replaced_at.append(now)
            log.warning(
                "The agent of room %s is gone (%s): asking for another", record.room, reason
            )
            self._timeline.note(record.room, "dispatch", "again", {"reason": reason})
            record.dispatches_made = 0
            record.news.set()
            record.follower = asyncio.create_task(
                self._followed(record), name=f"follow {record.room}"
            )

    async def room_finished(self, room: str) -> None:
        """The server reported that `room` has ended."""
        record = self._records.get(room)
        if record is None:
            return
        async with record.lock:
            # The report may be late, and the room of this name a new one.
            awaited = record.is_awaited(self._placer.clock())
            if not awaited and await self._sfu.room(room) is None:
                self._stop_following(record)
                record.state, record.message = "none", "The room has ended."
                record.seen.clear()
                record.dead.clear()

    def _stop_following(self, record: Record) -> None:
        # Whoever holds the lock may do this: a follower acts only while it holds it itself.
        if record.follower is not None:
            record.follower.cancel()
            record.follower = None

    async def _followed(self, record: Record) -> None:
        logs.about(record.room)
        try:
            await follow(record, self._placer, self._settings)
        except Exception:
            log.exception("Lost sight of the agent of room %s", record.room)
