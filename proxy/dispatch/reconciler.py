"""The one place that looks at rooms and carries out what `transition` wants done there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from tenacity import RetryCallState

from common import logs
from common.retry import DISPATCH
from proxy.api.errors import ApiError
from proxy.clients.registration import Registration, Worker
from proxy.clients.sfu import Sfu, SfuError
from proxy.dispatch.messages import (
    ConfirmRoomGone,
    CreateDispatch,
    Dispatched,
    Effect,
    Log,
    Looked,
    LookFailed,
    Note,
    Refuse,
    ReplaceAgent,
    ReplacementDue,
    Reply,
    RoomGone,
    Seen,
    StartMonitor,
    StopMonitor,
    TimePassed,
    WakeMonitor,
)
from proxy.dispatch.records import DispatchPolicy, RoomEntry, State
from proxy.dispatch.snapshot import RoomSnapshot, fetch_snapshot
from proxy.dispatch.transition import transition
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.dispatch")

POLL_S = 1.0
"""Between two looks of a monitor at a room, unless the server reports something earlier."""
POLL_WORKER_S = 0.5
"""Between two questions whether a worker has registered; all waiting rooms share the answer."""
LOOKS_EVERY = 10
"""While no worker is registered, only every so many polls also look at the room."""


class Reconciler:
    """Brings rooms to have exactly one agent, and monitors each until it joins.

    Who reconciles a room holds the lock of its entry.
    """

    def __init__(
        self,
        settings: ProxySettings,
        sfu: Sfu,
        registration: Registration,
        timeline: Timeline,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sfu = sfu
        self._registration = registration
        self._timeline = timeline
        self._checks_worker = settings.agent_check
        self.clock = clock
        self.policy = DispatchPolicy(
            agent_name=settings.livekit_agent_name,
            join_timeout=settings.agent_join_timeout,
            worker_wait=settings.dispatch_wait,
        )

    async def look(self, room: str) -> tuple[RoomSnapshot, Worker | None]:
        """The room and the worker as they are; no worker when it is not to be asked."""
        return await asyncio.gather(fetch_snapshot(self._sfu, room), self._worker())

    async def _worker(self, max_age: float = 0.0) -> Worker | None:
        return await self._registration.read(max_age) if self._checks_worker else None

    async def reconcile(
        self, entry: RoomEntry, seen: Callable[[RoomSnapshot, Worker | None], Seen]
    ) -> Reply | None:
        """Look, and do what `seen` of it needs; the reply to a request. Three tries.

        Every try begins with a look: one whose answer was lost may have brought the agent.
        Raises `SfuError` when no try succeeds, `ApiError` when a request is refused.
        """
        async for attempt in DISPATCH.retrying(
            _may_pass, before_sleep=lambda state: self._note_retry(entry.room, state)
        ):
            with attempt:
                snapshot, worker = await self.look(entry.room)
                number = attempt.retry_state.attempt_number
                return await self.apply(entry, seen(snapshot, worker), attempt=number)
        raise AssertionError("tenacity either returns or raises")

    def _note_retry(self, room: str, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        number, tries = state.attempt_number, DISPATCH.tries
        log.warning("Try %d of %d for room %s failed: %s", number, tries, room, error)
        failed = {"attempt": number, "of": tries, "error": str(error)}
        self._timeline.note(room, "dispatch", "retry", failed)

    async def apply(self, entry: RoomEntry, seen: Seen, attempt: int = 1) -> Reply | None:
        """Take `seen` into the record, and carry out what follows."""
        return await self.carry_out(entry, self.take(entry, seen), attempt)

    def take(self, entry: RoomEntry, seen: Seen) -> tuple[Effect, ...]:
        """Take `seen` into the record at once; what is to be carried out then."""
        entry.record, effects = transition(entry.record, seen, self.clock())
        return effects

    async def carry_out(
        self, entry: RoomEntry, effects: tuple[Effect, ...], attempt: int = 1
    ) -> Reply | None:
        """Do what the effects say, in order; the reply to a request, if one is among them."""
        reply = None
        for effect in effects:
            match effect:
                case Log(level, text, job):
                    logs.about(entry.room, job)
                    log.log(level, "%s", text)
                case Note(name, data):
                    self._timeline.note(entry.room, "dispatch", name, dict(data))
                case CreateDispatch():
                    reply = await self._create_dispatch(entry, effect, attempt)
                case StartMonitor(at_once):
                    self._start_monitor(entry, at_once)
                case StopMonitor():
                    entry.stop_monitor()
                case WakeMonitor():
                    entry.news.set()
                case ReplaceAgent(job_exit):
                    async with entry.lock:
                        await self.apply(entry, ReplacementDue(job_exit))
                case ConfirmRoomGone():
                    if await self._sfu.room(entry.room) is None:
                        await self.apply(entry, RoomGone())
                case Reply():
                    reply = effect
                case Refuse():
                    wait = effect.retry_after
                    headers = None if wait is None else {"Retry-After": str(wait)}
                    raise ApiError(effect.status, effect.code, effect.message, headers=headers)
        return reply

    async def _create_dispatch(
        self, entry: RoomEntry, create: CreateDispatch, attempt: int
    ) -> Reply | None:
        room, name = entry.room, self.policy.agent_name
        for identity in create.ghosts:
            log.warning("Removing agent %s from room %s: its job is over", identity, room)
            await self._sfu.remove_participant(room, identity)
        for dispatch_id in create.stale:
            log.info("Deleting stale dispatch %s of room %s", dispatch_id, room)
            await self._sfu.delete_dispatch(room, dispatch_id)
        began = time.monotonic()
        dispatch = await self._sfu.create_dispatch(room, name, create.metadata)
        ms = round((time.monotonic() - began) * 1000, 1)
        made = {"dispatch_id": dispatch.id, "attempt": attempt, "of": DISPATCH.tries, "ms": ms}
        self._timeline.note(room, "dispatch", "made", made)
        log.info(
            "Agent dispatch initiated for room: %s (dispatch %s, agent name %s)",
            room,
            dispatch.id,
            name,
        )
        dispatched = Dispatched(dispatch.id, create.request, create.room_exists)
        return await self.apply(entry, dispatched)

    def _start_monitor(self, entry: RoomEntry, at_once: bool) -> None:
        entry.stop_monitor()
        if at_once:
            entry.news.set()
        entry.monitor = asyncio.create_task(
            self._monitored(entry), name=f"monitor the join of {entry.room}"
        )

    async def _monitored(self, entry: RoomEntry) -> None:
        logs.about(entry.room)
        try:
            await self._monitor_join(entry)
        except Exception:
            log.exception("Lost sight of the agent of room %s", entry.room)

    async def _monitor_join(self, entry: RoomEntry) -> None:
        """See to it that the agent joins: look again and again, as `transition` says how long."""
        polls = 0
        while entry.monitor is asyncio.current_task():
            waiting = entry.record.state is State.WAITING
            await _news_or_timeout(entry.news, POLL_WORKER_S if waiting else POLL_S)
            polls += 1
            if waiting and polls % LOOKS_EVERY and not await self._worker_is_ready():
                await self.apply(entry, TimePassed())
                continue
            async with entry.lock:
                try:
                    await self.reconcile(entry, Looked)
                except SfuError as error:
                    await self.apply(entry, LookFailed(error.code, str(error)))

    async def _worker_is_ready(self) -> bool:
        worker = await self._worker(max_age=POLL_WORKER_S / 2)
        return worker is None or (
            worker.status is not None
            and worker.registered
            and worker.status.agent_name == self.policy.agent_name
        )


async def _news_or_timeout(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
    news.clear()


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, SfuError) and error.transient
