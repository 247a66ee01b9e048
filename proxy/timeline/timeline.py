"""The timeline: takes every event once, shows it, has it kept, and knows the calls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from common.events import Event, Source, Stage
from common.probe import is_probe_room
from proxy.endpoint import is_name
from proxy.settings import ProxySettings
from proxy.timeline.call import Call
from proxy.timeline.judging import Judging
from proxy.timeline.keeping import PROBE_NAME, Keeper
from proxy.timeline.lasting import lasting
from proxy.timeline.live import FRESH_S, LATE_S, LEAD_S, SILENCE_S, Live
from proxy.timeline.location import location_of
from proxy.timeline.own import own_event
from proxy.timeline.proof import Proof
from proxy.timeline.reloading import adopt, reloaded
from proxy.timeline.retention import Retention
from proxy.timeline.sequence import Sequence
from proxy.timeline.store.opening import open_store
from proxy.timeline.subscribers import Subscribers
from proxy.verdicts.health import Health, ProbeResult

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store

log = logging.getLogger("proxy.timeline")

READY_WAIT_S = 2.0
"""How long a request waits for a database that is just being opened."""
SYSTEM_EVENTS_MAX = 1000
TIDY_EVERY_S = 5.0


@dataclass(frozen=True)
class Receipt:
    """What came of a post: events taken now, events that were known already."""

    accepted: int
    known: int


class Timeline:
    """One per process. `health` gives the present health, for the verdicts."""

    def __init__(self, settings: ProxySettings, health: Callable[[], Health]) -> None:
        self._location = location_of(settings)
        self._events_max = settings.call_events_max
        self._rest_of_health = health
        self._sequence = Sequence()
        self._tasks: list[asyncio.Task[None]] = []
        self.live = Live()
        self.subscribers = Subscribers()
        self.keeper = Keeper(lambda: open_store(self._location), self._location.shown, self._opened)
        self.judging = Judging(self.live, self.subscribers, self.keeper, self._health)
        self._retention = Retention(settings, self.keeper)
        self.system_events: deque[Event] = deque(maxlen=SYSTEM_EVENTS_MAX)
        """What happened to the system as a whole, the latest last."""
        self.listeners: list[Callable[[Event], None]] = []
        """Called with each event that is taken, at once."""

    @property
    def probe(self) -> ProbeResult:
        """How the calls database is."""
        return self.keeper.probe

    async def ask(self) -> ProbeResult:
        return self.keeper.probe

    def start(self) -> None:
        """Open the database and judge, in the background."""
        self.keeper.start()
        self._tasks = [
            asyncio.create_task(lasting(run), name=run.__qualname__)
            for run in (self.judging.run, self._tidy, self._retention.run)
        ]

    async def aclose(self) -> None:
        self.subscribers.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.keeper.aclose()
        self._location.close()

    async def ready(self) -> None:
        """Wait a moment for the database, if it is just being opened."""
        try:
            async with asyncio.timeout(READY_WAIT_S):
                await self.keeper.ready.wait()
        except TimeoutError:
            log.debug("Going on without the calls database: it is not open yet")

    def note(
        self,
        room: str,
        stage: Stage,
        name: str,
        data: dict[str, Any] | None = None,
        *,
        source: Source = "proxy",
        at: float | None = None,
        key: str | None = None,
    ) -> None:
        """Put an event of our own, or of the SFU, into the timeline of `room`; at once."""
        if is_probe_room(room) or not is_name(room):
            return  # rooms of strange names come from elsewhere: nobody can watch them here
        event = own_event(room, stage, name, data or {}, source, at, key)
        self._take(event, self.live.place(event, time.time()))

    def note_system(self, name: str, data: dict[str, Any]) -> None:
        """Put what happened to the system as a whole into the timeline of every open call."""
        event = own_event("", "system", name, data)
        self.system_events.append(replace(event, seq=self._sequence.next()))
        for call in self.live:
            if call.open:
                self._take(replace(event, room=call.room), call)

    async def post(self, events: Iterable[Event], proof: Proof) -> Receipt:
        """Take what somebody reported; `StoreTrouble` when it is taken, but not stored yet."""
        await self.ready()
        accepted = known = number = 0
        for event in events:
            call = await self._call_of(event, proof)
            if call is not None and event.key in call.keys:
                known += 1
            else:
                accepted += 1
            number = max(number, self._take(event, call))
        if number:
            await self.keeper.kept(number)
        return Receipt(accepted, known)

    def end(self, room: str, at: float) -> None:
        """The SFU reported that the room has ended."""
        call = self.live.current(room)
        if call is not None and at >= call.started:
            self._end(call, at)

    def tidy(self, now: float) -> None:
        """End calls of which nothing is heard any more, and let go of those that have ended."""
        silent, forgotten = self.live.outdated(now)
        for call in silent:
            self._end(call, call.last_at)
        for call in forgotten:
            self.live.forget(call)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            self.tidy(time.monotonic())

    async def delete(self, call_id: str) -> bool:
        """Forget a call and delete it with its events; whether there was one."""
        store = self.keeper.store
        async with self.keeper.exclusive():
            call = self.live.find(call_id)
            if call is not None:
                self.keeper.forget(call)
                self.live.forget(call)
            return await store.delete(call_id) or call is not None

    async def _call_of(self, event: Event, proof: Proof) -> Call | None:
        """The call an event belongs to, fetched from the database when it is an old one."""
        call = self.live.of_token(event.room, proof.identity, proof.issued)
        call = call or self.live.place(event, time.time())
        if call is not None or event.at > time.time() - FRESH_S:
            return call
        if self.live.ending_before(event) is not None:
            return None
        store = self.keeper.store
        row = await store.call_at(event.room, event.at, LEAD_S, LATE_S)
        if row is None:
            return self.live.current(event.room)
        if self.live.find(row["id"]) is None:
            old = reloaded(row, await store.events_of(row["id"]))
            if self.live.find(old.id) is None:  # nobody else fetched it meanwhile
                self.live.install(old)
        return self.live.find(row["id"])

    def _take(self, event: Event, call: Call | None) -> int:
        """Number, show and keep a new event; the number to wait for until it is stored."""
        if call is not None and event.key in call.keys:
            if (lost := call.lost.pop(event.key, None)) is not None:
                return self.keeper.put(call, lost)
            return self.keeper.holds(event) or 0
        call = call or self._begin(event)
        if why := call.leaves_out(event, self._events_max):
            if why not in call.told:
                told = {"what": why, "events": len(call.arrivals)}
                self._add(call, own_event(call.room, "system", "timeline_full", told))
            return 0
        return self._add(call, event)

    def _add(self, call: Call, event: Event) -> int:
        event = replace(event, seq=self._sequence.next())
        call.add(event)
        for listener in self.listeners:
            listener(event)
        self.subscribers.tell(call.id, event)
        self.judging.news(call)
        return self.keeper.put(call, event)

    def _begin(self, event: Event) -> Call:
        ending = self.live.ending_before(event)
        if ending is not None:
            self._end(ending, ending.last_at)
        call = Call(event.room, event.at)
        newest = self.live.newest(event.room)
        self.live.install(call)
        if newest is not None and newest.started > call.started:
            # Older than what is known, and in no call of the database: it has long ended.
            call.end(event.at)
        return call

    def _end(self, call: Call, at: float) -> None:
        call.end(at)
        self.judging.news(call)
        self.keeper.touch(call)

    def _health(self) -> Health:
        """The health with the database as it is this moment."""
        health = self._rest_of_health()
        return replace(health, probes={**health.probes, PROBE_NAME: self.probe})

    async def _opened(self, store: Store) -> None:
        """Go on where an earlier proxy, or an earlier file, was left."""
        self._sequence.at_least(await store.last_seq())
        for call in self.live:
            for event in call.arrivals:
                if self.keeper.holds(event) is None:
                    self.keeper.put(call, event)
        for row in await store.open_calls(time.time() - SILENCE_S):
            if self.live.find(row["id"]) is None:
                adopt(self.live, reloaded(row, await store.events_of(row["id"])))
