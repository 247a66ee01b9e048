"""Keeping calls in the database: one writer, in order, again and again until it is done.

Nothing waits for it but the answer to a POST. What cannot be written stays in memory and is tried
again, and since an event's key decides, each is stored once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from common.events import Event
from proxy.timeline.call import Call
from proxy.timeline.lasting import lasting
from proxy.timeline.trouble import StoreTrouble
from proxy.verdicts.health import ProbeResult

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store

log = logging.getLogger("proxy.timeline")

BATCH = 500
WAITING_MAX = 50_000
"""Events that wait for a database that cannot be written; more are not kept (but still shown)."""
BEAT_S = 2.0
"""After so much quiet something is written, to learn whether that is possible."""
POST_WAIT_S = 4.0
FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 2.0
LAST_TRY_S = 0.8
"""How long a stopping proxy tries to store what waits."""
NEVER = sys.maxsize
"""The number of an event that does not wait to be stored."""
PROBE_NAME = "calls database"

Opener = Callable[[], Awaitable["Store"]]


class Keeper:
    """Writes calls and events. `opened` is awaited each time that the database was opened."""

    def __init__(
        self, opener: Opener, shown: str, opened: Callable[[Store], Awaitable[None]]
    ) -> None:
        self._opener = opener
        self._shown = shown
        self._opened = opened
        self._store: Store | None = None
        self._waiting: OrderedDict[tuple[str, str], tuple[int, Call, Event]] = OrderedDict()
        self._changed_calls: dict[Call, None] = {}
        self._taken = 0
        self._trouble: StoreTrouble | None = None
        self._lost = 0
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
        if self._trouble is None:
            return ProbeResult(PROBE_NAME, target=self._shown, at=self._checked_at)
        return ProbeResult(
            PROBE_NAME,
            self._trouble.problem,
            self._trouble.detail,
            target=self._shown,
            at=self._checked_at,
        )

    @property
    def waiting(self) -> int:
        """Events that are not stored yet."""
        return len(self._waiting)

    @property
    def store(self) -> Store:
        """The open database, for reading; `StoreTrouble` when there is none."""
        if self._store is None:
            raise self._trouble or StoreTrouble(
                "other", f"the calls database {self._shown} is not open yet; try again in a moment"
            )
        return self._store

    def put(self, call: Call, event: Event) -> int:
        """Have `event` of `call` written; the number to wait for, or `NEVER`."""
        if call.deleted:
            return 0
        if len(self._waiting) >= WAITING_MAX:
            self._lost += 1
            call.lost[event.key] = event
            return NEVER
        self._taken += 1
        self._waiting[(event.room, event.key)] = (self._taken, call, event)
        self.touch(call)
        return self._taken

    def touch(self, call: Call) -> None:
        """Have `call` itself written: it has changed."""
        if not call.deleted:
            self._changed_calls[call] = None
            self._work.set()

    def holds(self, event: Event) -> int | None:
        """The number of an event that waits."""
        found = self._waiting.get((event.room, event.key))
        return found[0] if found else None

    def forget(self, call: Call) -> None:
        """Write nothing of `call` any more: it is deleted."""
        call.deleted = True
        self._changed_calls.pop(call, None)
        for key in [key for key, (_, of, _) in self._waiting.items() if of is call]:
            del self._waiting[key]

    async def kept(self, number: int) -> None:
        """Return when everything up to `number` is stored; `StoreTrouble` when it cannot be."""
        try:
            async with asyncio.timeout(POST_WAIT_S), self._progress:
                while number == NEVER or self._first_waiting() <= number:
                    if self._trouble is not None:
                        raise self._trouble
                    await self._progress.wait()
        except TimeoutError:
            raise self._trouble or StoreTrouble(
                "other",
                f"the calls database {self._shown} has not taken them for {POST_WAIT_S:g} s",
            ) from None

    def exclusive(self) -> asyncio.Lock:
        """Held while the writer writes; for who deletes what it could just be writing."""
        return self._writing

    def start(self) -> None:
        """Open the database and write, in the background, until `aclose`."""
        self._writer = asyncio.create_task(lasting(self._run), name="keep calls")

    async def _run(self) -> None:
        while not self._closing:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(StoreTrouble),
                wait=wait_exponential(multiplier=FIRST_RETRY_S, max=LONGEST_RETRY_S),
                before_sleep=self._failed,
            ):
                with attempt:
                    await self._write_all()
            if self._closing:
                return  # `aclose` may have woken `_work` before `_write_all` cleared it
            try:
                async with asyncio.timeout(BEAT_S):
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
        except (StoreTrouble, TimeoutError) as error:
            log.warning("Stopping with %d events not stored: %s", len(self._waiting), error)
        await self._store.aclose()
        self._store = None

    async def _write_all(self) -> None:
        """Write what waits, batch by batch; at least a sign of life."""
        store = await self._usable()
        self._work.clear()
        while True:
            async with self._writing:
                batch = list(self._waiting.items())[:BATCH]
                touched = {**self._changed_calls, **{call: None for _, (_, call, _) in batch}}
                self._changed_calls.clear()
                try:
                    await store.write(
                        [call.row() for call in touched],
                        [(call.id, event) for _, (_, call, event) in batch],
                    )
                except BaseException:
                    self._changed_calls = {**touched, **self._changed_calls}
                    raise
                for key, _ in batch:
                    self._waiting.pop(key, None)
                self._written()
            async with self._progress:
                self._progress.notify_all()
            if not self._waiting and not self._changed_calls:
                return

    async def _usable(self) -> Store:
        if self._store is not None:
            try:
                self._store.check_file()
                return self._store
            except StoreTrouble as trouble:
                log.warning("%s", _sentence(trouble))
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
        assert isinstance(error, StoreTrouble)
        if self._trouble is None or self._trouble.problem != error.problem:
            log.error("%s", _sentence(error))
        self._trouble, self._checked_at = error, time.time()
        self.ready.set()
        async with self._progress:
            self._progress.notify_all()

    def _written(self) -> None:
        if self._trouble is not None:
            log.info("The calls database %s can be written again", self._shown)
            if self._lost:
                log.warning("%d events were too many to wait for it and are lost", self._lost)
        self._trouble, self._checked_at, self._lost = None, time.time(), 0

    def _first_waiting(self) -> float:
        """The lowest number that waits."""
        for number, _, _ in self._waiting.values():
            return number
        return float("inf")


def _sentence(trouble: StoreTrouble) -> str:
    return f"{trouble.detail[:1].upper()}{trouble.detail[1:]}."
