"""The agent of every room: requested once, monitored until it is there, forgotten with the room."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from common import logs
from common.events import Event
from proxy.api.errors import ApiError
from proxy.clients.registration import Registration, Worker
from proxy.clients.sfu import Sfu
from proxy.dispatch.messages import (
    AgentReported,
    Reply,
    Requested,
    RequestFailed,
    RoomFinished,
    StatusRead,
)
from proxy.dispatch.others import OthersDispatches
from proxy.dispatch.reconciler import Reconciler
from proxy.dispatch.records import DispatchRecord, DispatchRequest, Records, RoomEntry
from proxy.dispatch.snapshot import RoomSnapshot
from proxy.dispatch.timeline_facts import call_found, job_exit_of
from proxy.dispatch.transition import transition
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.dispatch")


class Dispatcher:
    """Brings the agent into rooms. One per process: its locks are what keeps a second one away."""

    def __init__(
        self, settings: ProxySettings, sfu: Sfu, registration: Registration, timeline: Timeline
    ) -> None:
        self._timeline = timeline
        self._reconciler = Reconciler(settings, sfu, registration, timeline)
        self._records = Records(self._reconciler.policy)
        self._others = OthersDispatches(sfu, timeline, settings.own_name)
        self._replacing: set[asyncio.Task[Reply | None]] = set()
        timeline.listeners.append(self._on_event)

    @property
    def other_names(self) -> list[str]:
        """Names of other agents that were seen in dispatches."""
        return self._others.names

    async def aclose(self) -> None:
        """End all monitors."""
        monitors = [entry.monitor for entry in self._records.all() if entry.monitor is not None]
        await self._others.aclose()
        tasks = [*monitors, *self._replacing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def request(self, room: str, request: DispatchRequest) -> Reply:
        """Have exactly one agent in `room`, sent with what `request` says.

        Raises `ApiError`: 503 when nobody is registered, 409 when under another name (both make
        up for it by themselves later), 502 or 503 when the LiveKit server is at fault.
        """
        logs.about(room)
        log.info("Attempting to dispatch agent to room: %s", room)
        entry = self._records.claim(room)
        if entry is None:
            raise ApiError(
                503,
                "TOO_MANY_ROOMS",
                f"{len(self._records)} rooms wait for an agent already; end some of them.",
                headers={"Retry-After": "5"},
            )
        async with entry.lock:
            entry.stop_monitor()
            try:
                reply = await self._reconciler.reconcile(entry, partial(Requested, request=request))
            except Exception:
                if entry.monitor is None:  # it was not refused, which starts one
                    await self._reconciler.apply(entry, RequestFailed())
                raise
        assert reply is not None  # a request is either answered or refused
        return reply

    async def status(self, room: str) -> tuple[DispatchRecord, RoomSnapshot, Worker | None]:
        """The record of `room` as it is now, without doing anything about it; and what was seen."""
        snapshot, worker = await self._reconciler.look(room)
        entry = self._records.get(room)
        record = self._records.blank(room) if entry is None else entry.record
        record, _ = transition(record, StatusRead(snapshot, worker), self._reconciler.clock())
        return record, snapshot, worker

    async def agent_reported(self, room: str, identity: str) -> None:
        """The server reported that an agent joined or left `room`."""
        entry = self._records.get(room)
        if entry is not None:
            await self._reconciler.apply(entry, AgentReported(identity))

    async def room_finished(self, room: str) -> None:
        """The server reported that `room` has ended."""
        entry = self._records.get(room)
        if entry is not None:
            async with entry.lock:
                await self._reconciler.apply(entry, RoomFinished())

    def _on_event(self, event: Event) -> None:
        """A job of ours may have ended in a call: another agent takes its place."""
        job_exit = job_exit_of(event)
        if job_exit is None:
            return
        entry = self._records.get(event.room) or self._restored(event.room)
        effects = () if entry is None else self._reconciler.take(entry, job_exit)
        if entry is not None and effects:
            replacing = self._reconciler.carry_out(entry, effects)
            task = asyncio.create_task(replacing, name=f"replace {job_exit.job_id}")
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)

    def _restored(self, room: str) -> RoomEntry | None:
        """The entry of a room whose call began before this proxy, as the timeline knows it."""
        call = self._timeline.calls.current(room)
        entry = self._records.claim(room) if call is not None else None
        if call is not None and entry is not None:
            self._reconciler.take(entry, call_found(call))
        return entry
