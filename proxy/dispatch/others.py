"""Dispatches that others made (`lk dispatch create`, the room's configuration in a token).

The LiveKit server reports none of them, so a room with a caller and without an agent is looked at;
what is found there becomes the event `dispatch.found`.
"""

from __future__ import annotations

import asyncio
import logging

from common import logs
from common.events import Event
from proxy.clients.sfu import Sfu, SfuError
from proxy.dispatch.snapshot import RoomSnapshot, fetch_snapshot
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.dispatch")

CAME = ("signal.participant_joined", "media.connected")
LOOKS_S = (1.0, 2.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each look at a room, from the coming of its caller on."""


class OthersDispatches:
    """Looks for them in each room into which a caller comes."""

    def __init__(self, sfu: Sfu, timeline: Timeline) -> None:
        self._sfu = sfu
        self._timeline = timeline
        self._looking: dict[str, asyncio.Task[None]] = {}
        timeline.listeners.append(self._on_event)

    async def aclose(self) -> None:
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        if event.topic not in CAME or event.room in self._looking:
            return
        task = asyncio.create_task(
            self._look(event.room), name=f"look for dispatches of {event.room}"
        )
        self._looking[event.room] = task
        task.add_done_callback(lambda _: self._looking.pop(event.room, None))

    async def _look(self, room: str) -> None:
        logs.about(room)
        for seconds in LOOKS_S:
            await asyncio.sleep(seconds)
            call = self._timeline.calls.current(room)
            if call is None or call.present - call.callers:
                return  # an agent has come
            try:
                self._note(await fetch_snapshot(self._sfu, room))
            except SfuError as error:
                log.debug("Room %s cannot be looked at: %s", room, error)

    def _note(self, snapshot: RoomSnapshot) -> None:
        """Tell of each dispatch that the timeline does not know yet."""
        call = self._timeline.calls.current(snapshot.room)
        if call is None:
            return
        known = {
            event.data.get("dispatch_id")
            for event in call.history.all("dispatch.made", "dispatch.found")
        }
        for dispatch in snapshot.dispatches:
            # Each room has one without a name: the server's own, for workers without a name.
            if dispatch.agent_name and dispatch.id not in known:
                data = {"dispatch_id": dispatch.id, "agent_name": dispatch.agent_name}
                made_at = max(dispatch.created_at, call.started)
                self._timeline.note(snapshot.room, "dispatch", "found", data, at=made_at)
