"""Which rooms are watched from inside: those whose agent is not the worker of this system, and
those of a LiveKit server that does not report to this proxy.

Our worker tells all of itself by its own way, and our LiveKit server by webhooks. Another's room is
entered when its agent is asked for, or when an agent has come of which no worker tells; a room of a
silent server when a job or an agent is known there. Rooms of which nothing is known here are not.
"""

from __future__ import annotations

import asyncio
import logging

from common import logs
from common.events import Event
from proxy.clients.sfu import Sfu, SfuError
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline
from proxy.verdicts.call_view import TOLD
from proxy.verdicts.history import order

log = logging.getLogger("proxy.observer")

ASKED = ("dispatch.made", "dispatch.found")
CAME = ("join.participant_joined", "join.agent_joined")
REPORTED = ("signal.room_started", "signal.participant_joined", "join.participant_joined")
TOLD_S = 0.5
"""Seconds in which it has told of the job of an agent that has come."""
REPORTED_S = 3.0
"""Seconds more in which a busy server has reported who has come."""
ROOMS_MAX = 100
PAUSES_S = (1.0, 2.0, 4.0, 8.0)


class RoomObservers:
    """All that are watched now. One per process."""

    def __init__(self, settings: ProxySettings, sfu: Sfu, timeline: Timeline) -> None:
        self._settings = settings
        self._sfu = sfu
        self._timeline = timeline
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._telling: set[str] = set()
        """Those of them of whose agent is told, too."""
        self._resuming: asyncio.Task[None] | None = None
        self._enabled = settings.observe_rooms and settings.livekit_credentials is not None
        if self._enabled:
            timeline.listeners.append(self._on_event)

    def start(self) -> None:
        """Go on with the calls that began before this proxy, once they are known."""
        self._resuming = asyncio.create_task(self._resume(), name="watching earlier calls")

    async def _resume(self) -> None:
        await self._timeline.queue.ready.wait()
        for call in self._timeline.calls:
            if call.open and self._enabled:
                self._watch(call.room, TOLD_S)

    async def aclose(self) -> None:
        tasks = list(self._watching.values())
        if self._resuming is not None:
            tasks.append(self._resuming)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        room = event.room
        if event.topic in TOLD and room in self._telling:
            # A worker reports by itself, if late: nothing of its agent is told here any more.
            self._telling.discard(room)
            self._watching.pop(room).cancel()
        if event.topic in ASKED and self._is_others(event):
            self._watch(room, 0.0)
        elif event.topic in (*CAME, *TOLD):
            self._watch(room, TOLD_S)

    def _watch(self, room: str, after_s: float) -> None:
        if room in self._watching:
            return
        if len(self._watching) >= ROOMS_MAX:
            log.warning("Room %s is not watched: %d are already", room, ROOMS_MAX)
            return
        task = asyncio.create_task(self._follow(room, after_s), name=f"watching room {room}")
        self._watching[room] = task

        def ended(task: asyncio.Task[None]) -> None:
            if self._watching.get(room) is task:
                del self._watching[room]

        task.add_done_callback(ended)

    async def _follow(self, room: str, after_s: float) -> None:
        """Stay in the room to its end; enter it again when the connection was lost."""
        logs.about(room)
        await asyncio.sleep(after_s)
        # It brings a library of its own, which a proxy that watches nothing need not load.
        from proxy.observer.room_observer import RoomObserver

        if not self._is_anothers(room):
            await asyncio.sleep(REPORTED_S)
        for pause in PAUSES_S:
            anothers = self._is_anothers(room)
            if not (anothers or self._is_unreported(room)) or not await self._exists(room):
                return
            observer = RoomObserver(self._settings, self._timeline, room, of_agent=anothers)
            self._telling |= {room} if anothers else set()
            try:
                if await observer.run():
                    return
            except Exception as error:
                log.warning("Room %s cannot be watched: %s", room, error)
            finally:
                self._telling.discard(room)
            await asyncio.sleep(pause)

    async def _exists(self, room: str) -> bool:
        """Whoever enters a room that is not there makes it, and the caller's wishes are lost."""
        try:
            return await self._sfu.room(room) is not None
        except SfuError as error:
            log.debug("Room %s cannot be looked at: %s", room, error)
            return True

    def _is_unreported(self, room: str) -> bool:
        """Whether something happens in the room of which the LiveKit server has told nothing."""
        call = self._timeline.calls.current(room)
        return call is not None and call.history.last(*REPORTED, source="sfu") is None

    def _is_anothers(self, room: str) -> bool:
        """Whether an agent was asked for, or has come, of which no worker tells by itself."""
        call = self._timeline.calls.current(room)
        if call is None:
            return False
        history = call.history
        asked, told = history.all(*ASKED), history.last(*TOLD)
        if others := [event for event in asked if self._is_others(event)]:
            return told is None or order(others[-1]) > order(told)
        return not asked and told is None and history.last(*CAME) is not None

    def _is_others(self, dispatch: Event) -> bool:
        """Whether a dispatch asks for another name than ours."""
        ours = self._settings.own_name
        return bool(dispatch.data.get("agent_name", ours) != ours)
