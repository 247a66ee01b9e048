"""What goes to the database: a queue with one writer, and the deleting of old calls.

The writer keeps the order and tries again until it is done. Nothing waits for it but the answer to
a POST. What cannot be written stays in memory; an event's key decides that it is stored once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tenacity import RetryCallState

from common.events import Event
from common.retry import STORE_EVENTS
from proxy.settings import ProxySettings
from proxy.timeline.background import run_forever
from proxy.timeline.call import CallRecord
from proxy.timeline.store.errors import StoreError
from proxy.verdicts.system_health import ProbeResult

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store

log = logging.getLogger("proxy.timeline")

BATCH = 500
PENDING_MAX = 50_000
"""Events that wait for a database that cannot be written; more are dropped (but still shown)."""
HEARTBEAT_S = 2.0
"""After so much quiet something is written, to learn whether that is possible."""
POST_WAIT_S = 4.0
LAST_TRY_S = 0.8
"""How long a stopping proxy tries to store what waits."""
PRUNE_FIRST_S, PRUNE_EVERY_S = 10.0, 600.0
DROPPED = sys.maxsize
"""The number of an event that is not in the queue, for it is full."""
PROBE_NAME = "calls database"

Opener = Callable[[], Awaitable["Store"]]


class WriteQueue:
    """Writes calls and events. `opened` is awaited each time that the database was opened.

    Each event in the queue has a number, which rises.
    """

    def __init__(
        self, opener: Opener, shown: str, opened: Callable[[Store], Awaitable[None]]
    ) -> None:
        self._opener = opener
        self._shown = shown
        self._opened = opened
        self._store: Store | None = None
        self._pending: OrderedDict[tuple[str, str], tuple[int, CallRecord, Event]] = OrderedDict()
        self._changed_calls: dict[CallRecord, None] = {}
        self._last_number = 0
        self._error: StoreError | None = None
        self._dropped = 0
        self._checked_at: float | None = None
        self._work = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None
        self._progress = asyncio.Condition()
        self._writing = asyncio.Lock()
        self.ready = asyncio.Event()
        """Set when the database was opened, or could not be."""

    @property
    def probe(self) -> ProbeResult:
        """How the database is, as the verdicts see it."""
        if self._error is None:
            return ProbeResult(PROBE_NAME, target=self._shown, at=self._checked_at)
        return ProbeResult(
            PROBE_NAME,
            self._error.problem,
            self._error.detail,
            target=self._shown,
            at=self._checked_at,
        )

    @property
    def pending(self) -> int:
        """How many events are not stored yet."""
        return len(self._pending)

    @property
    def store(self) -> Store:
        """The open database, for reading; `StoreError` when there is none."""
        if self._store is None:
            raise self._error or StoreError(
                "other", f"the calls database {self._shown} is not open yet; try again in a moment"
            )
        return self._store

    def put(self, call: CallRecord, event: Event) -> int:
        """Have `event` of `call` written; the number to wait for, or `DROPPED`."""
        if call.deleted:
            return 0
        if len(self._pending) >= PENDING_MAX:
            self._dropped += 1
            call.dropped[event.key] = event
            return DROPPED
        self._last_number += 1
        self._pending[(event.room, event.key)] = (self._last_number, call, event)
        self.touch(call)
        return self._last_number

    def touch(self, call: CallRecord) -> None:
        """Have `call` itself written: it has changed."""
        if not call.deleted:
            self._changed_calls[call] = None
            self._work.set()

    def pending_number(self, event: Event) -> int | None:
        """The number of an event that waits to be stored; None when it does not."""
        entry = self._pending.get((event.room, event.key))
        return entry[0] if entry else None

    def forget(self, call: CallRecord) -> None:
        """Write nothing of `call` any more: it is deleted."""
        call.deleted = True
        self._changed_calls.pop(call, None)
        for key in [key for key, (_, owner, _) in self._pending.items() if owner is call]:
            del self._pending[key]

    async def flushed_to(self, number: int) -> None:
        """Return when everything up to `number` is stored; `StoreError` when it cannot be."""
        try:
            async with asyncio.timeout(POST_WAIT_S), self._progress:
                while number == DROPPED or self._first_pending() <= number:
                    if self._error is not None:
                        raise self._error
                    await self._progress.wait()
        except TimeoutError:
            raise self._error or StoreError(
                "other",
                f"the calls database {self._shown} has not taken them for {POST_WAIT_S:g} s",
            ) from None

    def exclusive(self) -> asyncio.Lock:
        """Held while the writer writes; for who deletes what it could just be writing."""
        return self._writing

    def start(self) -> None:
        """Open the database and write, in the background, until `aclose`."""
        self._writer = asyncio.create_task(run_forever(self._run), name="write calls")

    async def _run(self) -> None:
        while not self._closing:
            async for attempt in STORE_EVENTS.retrying(_may_pass, before_sleep=self._failed):
                with attempt:
                    await self._write_all()
            if self._closing:
                return  # `aclose` may have woken `_work` before `_write_all` cleared it
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._work.wait()
            except TimeoutError:
                continue

    async def aclose(self) -> None:
        """Store what waits if that is possible at once, and close the database."""
        self._closing = True
        self._work.set()
        if self._writer is not None:
            # A write that is cut off would go on in its thread, and hold the database's lock.
            await asyncio.wait({self._writer}, timeout=LAST_TRY_S)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._store is None:
            return
        try:
            async with asyncio.timeout(LAST_TRY_S):
                await self._write_all()
        except (StoreError, TimeoutError) as error:
            log.warning("Stopping with %d events not stored: %s", len(self._pending), error)
        await self._store.aclose()
        self._store = None

    async def _write_all(self) -> None:
        """Write what waits, batch by batch; at least a sign of life."""
        store = await self._usable()
        self._work.clear()
        while True:
            async with self._writing:
                batch = list(self._pending.items())[:BATCH]
                changed = {**self._changed_calls, **{call: None for _, (_, call, _) in batch}}
                self._changed_calls.clear()
                try:
                    await store.write(
                        [call.row() for call in changed],
                        [(call.id, event) for _, (_, call, event) in batch],
                    )
                except BaseException:
                    self._changed_calls = {**changed, **self._changed_calls}
                    raise
                for key, _ in batch:
                    self._pending.pop(key, None)
                self._written()
            async with self._progress:
                self._progress.notify_all()
            if not self._pending and not self._changed_calls:
                return

    async def _usable(self) -> Store:
        if self._store is not None:
            try:
                self._store.check_file()
                return self._store
            except StoreError as error:
                log.warning("%s", error.sentence)
                store, self._store = self._store, None
                await store.aclose()
        store = await self._opener()
        try:
            await self._opened(store)
        except BaseException:
            await store.aclose()
            raise
        self._store = store
        self.ready.set()
        return store

    async def _failed(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, StoreError)
        if self._error is None or self._error.problem != error.problem:
            log.error("%s", error.sentence)
        self._error, self._checked_at = error, time.time()
        self.ready.set()
        async with self._progress:
            self._progress.notify_all()

    def _written(self) -> None:
        if self._error is not None:
            log.info("The calls database %s can be written again", self._shown)
            if self._dropped:
                log.warning("%d events were too many to wait for it and are lost", self._dropped)
        self._error, self._checked_at, self._dropped = None, time.time(), 0

    def _first_pending(self) -> float:
        """The lowest number that waits."""
        for number, _, _ in self._pending.values():
            return number
        return float("inf")


class Retention:
    """Keeps the newest CALLS_KEPT calls of the last CALLS_KEPT_DAYS days."""

    def __init__(self, settings: ProxySettings, queue: WriteQueue) -> None:
        self._kept = settings.calls_kept
        self._days = settings.calls_kept_days
        self._queue = queue

    async def run(self) -> None:
        await self._queue.ready.wait()
        await asyncio.sleep(PRUNE_FIRST_S)
        while True:
            await self.once()
            await asyncio.sleep(PRUNE_EVERY_S)

    async def once(self) -> None:
        """Delete what is too much; a database in trouble is left alone until the next time."""
        try:
            deleted = await self._queue.store.prune(self._kept, self._days)
        except StoreError as error:
            log.debug("Old calls are not deleted now: %s", error)
            return
        if deleted:
            log.info("Deleted %d calls that were too old or too many", deleted)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, StoreError)
