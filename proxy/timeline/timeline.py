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
from proxy.api.endpoint import is_name
from proxy.settings import ProxySettings
from proxy.timeline.auth import Reporter
from proxy.timeline.background import run_forever
from proxy.timeline.call import CallRecord
from proxy.timeline.calls_live import FRESH_S, LATE_S, LEAD_S, SILENCE_S, LiveCalls
from proxy.timeline.event_data import make_event
from proxy.timeline.publisher import VerdictPublisher
from proxy.timeline.store.database import database_url_of, open_store
from proxy.timeline.subscribers import Subscribers
from proxy.timeline.write_queue import PROBE_NAME, Retention, WriteQueue
from proxy.verdicts.system_health import ProbeResult, SystemHealth

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store

log = logging.getLogger("proxy.timeline")

READY_WAIT_S = 2.0
"""How long a request waits for a database that is just being opened."""
SYSTEM_EVENTS_MAX = 1000
JUDGED_READ = 200
"""Ended calls by which the usual times are known when the proxy starts."""
TIDY_EVERY_S = 5.0


class Sequence:
    """The numbers of events: microseconds since the epoch, made unique.

    They rise over restarts, whether or not the database is there, and JavaScript counts them
    exactly.
    """

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        self.last = max(self.last + 1, time.time_ns() // 1000)
        return self.last

    def at_least(self, known: int) -> None:
        """Go on after `known`, a number that was given before."""
        self.last = max(self.last, known)


@dataclass(frozen=True)
class Receipt:
    """What came of a post: events taken now, events that were known already."""

    accepted: int
    known: int


class Timeline:
    """One per process. `health` gives the present health, for the verdicts."""

    def __init__(self, settings: ProxySettings, health: Callable[[], SystemHealth]) -> None:
        self._url = database_url_of(settings)
        self._events_max = settings.call_events_max
        self._rest_of_health = health
        self._sequence = Sequence()
        self._tasks: list[asyncio.Task[None]] = []
        self.calls = LiveCalls()
        self.subscribers = Subscribers()
        self.queue = WriteQueue(lambda: open_store(self._url), self._url.shown, self._opened)
        self.publisher = VerdictPublisher(self.calls, self.subscribers, self.queue, self._health)
        self._retention = Retention(settings, self.queue)
        self.system_events: deque[Event] = deque(maxlen=SYSTEM_EVENTS_MAX)
        """What happened to the system as a whole, the latest last."""
        self.listeners: list[Callable[[Event], None]] = []
        """Called with each event that is taken, at once."""

    @property
    def probe(self) -> ProbeResult:
        """How the calls database is."""
        return self.queue.probe

    async def ask(self) -> ProbeResult:
        return self.queue.probe

    def start(self) -> None:
        """Open the database and judge, in the background."""
        self.queue.start()
        self._tasks = [
            asyncio.create_task(run_forever(run), name=run.__qualname__)
            for run in (self.publisher.run, self._tidy, self._retention.run)
        ]

    async def aclose(self) -> None:
        self.subscribers.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.queue.aclose()
        self._url.close()

    async def ready(self) -> None:
        """Wait a moment for the database, if it is just being opened."""
        try:
            async with asyncio.timeout(READY_WAIT_S):
                await self.queue.ready.wait()
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
        event = make_event(room, stage, name, data or {}, source, at, key)
        self._take(event, self.calls.place(event, time.time()))

    def note_system(self, name: str, data: dict[str, Any]) -> None:
        """Put what happened to the system as a whole into the timeline of every open call."""
        event = make_event("", "system", name, data)
        self.system_events.append(replace(event, seq=self._sequence.next()))
        for call in self.calls:
            if call.open:
                self._take(replace(event, room=call.room), call)

    async def post(self, events: Iterable[Event], reporter: Reporter) -> Receipt:
        """Take what somebody reported; `StoreError` when it is taken, but not stored yet."""
        await self.ready()
        accepted = known = number = 0
        for event in events:
            call = await self._call_of(event, reporter)
            if call is not None and event.key in call.keys:
                known += 1
            else:
                accepted += 1
            number = max(number, self._take(event, call))
        if number:
            await self.queue.flushed_to(number)
        return Receipt(accepted, known)

    def end(self, room: str, at: float) -> None:
        """The SFU reported that the room has ended."""
        call = self.calls.current(room)
        if call is not None and at >= call.started:
            self._end(call, at)

    def tidy(self, now: float) -> None:
        """End calls of which nothing is heard any more, and let go of those that have ended."""
        silent, forgotten = self.calls.outdated(now)
        for call in silent:
            self._end(call, call.last_at)
        for call in forgotten:
            self.calls.forget(call)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            self.tidy(time.monotonic())

    async def delete(self, call_id: str) -> bool:
        """Forget a call and delete it with its events; whether there was one."""
        store = self.queue.store
        async with self.queue.exclusive():
            call = self.calls.find(call_id)
            if call is not None:
                self.queue.forget(call)
                self.calls.forget(call)
            return await store.delete(call_id) or call is not None

    async def _call_of(self, event: Event, reporter: Reporter) -> CallRecord | None:
        """The call an event belongs to, fetched from the database when it is an old one."""
        call = self.calls.of_token(event.room, reporter.identity, reporter.issued)
        call = call or self.calls.place(event, time.time())
        if call is not None or event.at > time.time() - FRESH_S:
            return call
        if self.calls.ending_before(event) is not None:
            return None
        store = self.queue.store
        row = await store.call_at(event.room, event.at, LEAD_S, LATE_S)
        if row is None:
            return self.calls.current(event.room)
        if self.calls.find(row["id"]) is None:
            old = CallRecord.from_row(row, await store.events_of(row["id"]))
            if self.calls.find(old.id) is None:  # nobody else fetched it meanwhile
                self.calls.install(old)
        return self.calls.find(row["id"])

    def _take(self, event: Event, call: CallRecord | None) -> int:
        """Number, show and keep a new event; the number to wait for until it is stored."""
        if call is not None and event.key in call.keys:
            if (dropped := call.dropped.pop(event.key, None)) is not None:
                return self.queue.put(call, dropped)
            return self.queue.pending_number(event) or 0
        call = call or self._begin(event)
        if why := call.why_left_out(event, self._events_max):
            if why not in call.limits_noted:
                data = {"what": why, "events": len(call.arrivals)}
                self._add(call, make_event(call.room, "system", "timeline_full", data))
            return 0
        return self._add(call, event)

    def _add(self, call: CallRecord, event: Event) -> int:
        event = replace(event, seq=self._sequence.next())
        call.add(event)
        for listener in self.listeners:
            listener(event)
        self.subscribers.publish(call.id, event)
        self.publisher.call_changed(call)
        return self.queue.put(call, event)

    def _begin(self, event: Event) -> CallRecord:
        ending = self.calls.ending_before(event)
        if ending is not None:
            self._end(ending, ending.last_at)
        call = CallRecord(event.room, event.at)
        newest = self.calls.newest(event.room)
        self.calls.install(call)
        if newest is not None and newest.started > call.started:
            # Older than what is known, and in no call of the database: it has long ended.
            call.end(event.at)
        return call

    def _end(self, call: CallRecord, at: float) -> None:
        call.end(at)
        self.publisher.call_changed(call)
        self.queue.touch(call)

    def _health(self) -> SystemHealth:
        """The health with the database as it is this moment."""
        health = self._rest_of_health()
        return replace(health, probes={**health.probes, PROBE_NAME: self.probe})

    async def _opened(self, store: Store) -> None:
        """Go on where an earlier proxy, or an earlier file, was left."""
        self._sequence.at_least(await store.last_seq())
        for row in reversed(await store.judged_calls(JUDGED_READ)):
            self.publisher.usual.learn(row["agent_id"], row["verdicts"])
        for call in self.calls:
            for event in call.arrivals:
                if self.queue.pending_number(event) is None:
                    self.queue.put(call, event)
        for row in await store.open_calls(time.time() - SILENCE_S):
            if self.calls.find(row["id"]) is None:
                events = await store.events_of(row["id"])
                self.calls.resume(CallRecord.from_row(row, events))
