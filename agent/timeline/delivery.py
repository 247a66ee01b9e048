"""Brings everything that is in the spool folder to the proxy's timeline, in order, until it has it.

While the proxy answers that it cannot store, new events are still sent as they come, since it shows
and judges them, and the older ones are sent again until they are stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from agent.settings import AgentSettings
from agent.timeline.client import DeliveryAnswer, TimelineClient
from agent.timeline.spool import MOST_ALL, left_alone, size_of, spooled, stem_of
from agent.timeline.tail import SENT_SUFFIX, Batch, Tail
from common.settings import revealed

logger = logging.getLogger("agent.timeline")

LOOK_EVERY = 0.15  # seconds
OVER_EVERY = 0.5  # seconds between two looks whether a quiet writer is gone
STORE_AGAIN_AFTER = 1.0  # seconds between two tries to have stored what was only shown
MOST_AT_ONCE = 32  # writers whose events are sent at the same time; the newest first
MOST_LEFT_BEHIND = MOST_ALL * 3 // 4  # bytes; older calls go, so that new ones have room
CLEAN_EVERY = 10.0  # seconds

Count = Callable[[dict[str, Any]], None]


class Delivery:
    """Watches a folder; one task a writer, so that a room that is stuck stops no other."""

    def __init__(
        self, folder: Path, timeline: TimelineClient, count: Count = lambda _: None
    ) -> None:
        """`count` is called with each event once, at once, whether it can be delivered or not."""
        self._folder = folder
        self._timeline = timeline
        self._count = count
        self._followers: dict[str, _Follower] = {}
        self._stopping = False
        self._stopped = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver until `stop`."""
        clock = asyncio.get_running_loop().time
        clean_at = clock()
        while not self._stopping:
            try:
                self._look()
                for follower in list(self._followers.values()):
                    follower.count()
                if clock() >= clean_at:
                    clean_at = clock() + CLEAN_EVERY
                    clean(self._folder)
            except OSError as error:
                logger.error("AGENT_SPOOL_DIR (%s) cannot be read: %s", self._folder, error)
                await asyncio.sleep(CLEAN_EVERY)
            await asyncio.sleep(LOOK_EVERY)
        await self._stopped.wait()

    async def stop(self, patience: float) -> None:
        """Deliver what is there if that is done within `patience` seconds; the rest stays."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._look()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stopped.set()

    def _look(self) -> None:
        paths = {stem_of(path): path for path in spooled(self._folder)}
        new = [path for stem, path in paths.items() if stem not in self._tasks]
        if len(self._tasks) + len(new) > MOST_AT_ONCE:
            new.sort(key=_changed_at, reverse=True)
        for path in new[: MOST_AT_ONCE - len(self._tasks)]:
            stem = stem_of(path)
            self._tasks[stem] = asyncio.create_task(self._follow(stem), name=f"deliver {stem}")

    async def _follow(self, stem: str) -> None:
        """Until the writer is gone and the proxy has all it wrote."""
        tail = Tail(self._folder, stem)
        follower = self._followers[stem] = _Follower(tail, self._timeline, self._count)
        try:
            await follower.run(lambda: self._stopping)
        except OSError as error:
            logger.error("%s cannot be delivered now: %s", stem, error)
            await asyncio.sleep(CLEAN_EVERY)
        except Exception:
            logger.exception("%s cannot be delivered now", stem)
            await asyncio.sleep(CLEAN_EVERY)
        finally:
            tail.note()
            self._tasks.pop(stem, None)
            self._followers.pop(stem, None)


class _Follower:
    """Sends what one writer writes. `shown` is ahead of `stored` while the proxy cannot store."""

    def __init__(self, tail: Tail, timeline: TimelineClient, count: Count) -> None:
        self._tail = tail
        self._timeline = timeline
        self._count = count
        self._counted = tail.stored
        self._shown = tail.stored
        self._store_at = 0.0
        self._look_at = 0.0  # whether the writer is gone

    async def run(self, stopping: Callable[[], bool]) -> None:
        while True:
            if await self._step():
                continue
            if self._is_over() or stopping():
                return
            await asyncio.sleep(LOOK_EVERY)

    def count(self) -> None:
        """Pass on what is new for counting; never waits for the proxy."""
        while (batch := self._tail.read(self._counted)) is not None:
            self._counted = batch.end
            for event in batch.events:
                self._count(event)

    def _is_over(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._shown != self._tail.stored or now < self._look_at:
            return False
        self._look_at = now + OVER_EVERY
        return self._tail.delete_if_over()

    async def _step(self) -> bool:
        """Send one batch; False when there is nothing to send now."""
        clock = asyncio.get_running_loop().time
        behind = self._tail.stored < self._shown
        if behind and clock() >= self._store_at:
            batch = self._tail.read(self._tail.stored)
            if batch is None:  # deleted meanwhile, to make room
                self._tail.stored = self._shown
                return True
            if await self._sent(batch) is DeliveryAnswer.STORED:
                self._tail.keep(batch.end)
                self._shown = max(self._shown, batch.end)
            else:
                self._store_at = clock() + STORE_AGAIN_AFTER
            return True
        batch = self._tail.read(self._shown)
        if batch is None:
            return False
        self.count()  # before what is delivered is deleted
        answer = await self._sent(batch)
        self._shown = batch.end
        if answer is DeliveryAnswer.STORED and not behind:
            self._tail.keep(batch.end)
        else:
            self._store_at = 0.0 if answer is DeliveryAnswer.STORED else clock() + STORE_AGAIN_AFTER
        return True

    async def _sent(self, batch: Batch) -> DeliveryAnswer:
        return (
            await self._deliver(batch.room, batch.lines) if batch.lines else DeliveryAnswer.STORED
        )

    async def _deliver(self, room: str, lines: Sequence[bytes]) -> DeliveryAnswer:
        """Send the lines; of those that the proxy refuses, find the bad ones and leave them out."""
        answer, words = await self._timeline.send(room, lines)
        if answer is not DeliveryAnswer.REFUSED:
            return answer
        if len(lines) == 1:
            logger.error("the timeline refuses an event (%s): %.300s", words, lines[0].decode())
            return DeliveryAnswer.STORED
        half = len(lines) // 2
        answers = [await self._deliver(room, part) for part in (lines[:half], lines[half:])]
        return DeliveryAnswer.SHOWN if DeliveryAnswer.SHOWN in answers else DeliveryAnswer.STORED


def clean(folder: Path) -> None:
    """Delete the oldest calls that ended when too much waits, and say so; and places in nothing."""
    for place in folder.glob(f"*{SENT_SUFFIX}"):
        if not any(stem_of(path) == stem_of(place) for path in spooled(folder)):
            place.unlink(missing_ok=True)
    sizes = {path: size_of(path) for path in spooled(folder)}
    total = sum(sizes.values())
    for path in sorted(sizes, key=_changed_at):
        if total <= MOST_LEFT_BEHIND:
            return
        with contextlib.suppress(FileNotFoundError), left_alone(path) as alone:
            if alone:
                logger.error(
                    "%s MB wait for the timeline, so %s is deleted without having been delivered",
                    total >> 20,
                    path.name,
                )
                path.unlink(missing_ok=True)
                total -= sizes[path]


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


CANCELLING = 0.2  # seconds to give up what is under way


class DeliveryThread:
    """Delivers the spool folder from `start` to `stop`; without a timeline it does nothing. A
    thread with a loop of its own, so that it never holds up the worker."""

    def __init__(self, settings: AgentSettings, count: Count) -> None:
        self._settings = settings
        self._count = count
        self._loop: asyncio.AbstractEventLoop | None = None
        self._delivery: Delivery | None = None
        self._timeline: TimelineClient | None = None
        self._thread = threading.Thread(target=self._main, name="timeline", daemon=True)

    @property
    def trouble(self) -> tuple[str, float] | None:
        """Why events cannot be delivered, and since when in epoch seconds; None while they can."""
        return self._timeline.trouble if self._timeline is not None else None

    def start(self) -> None:
        if self._settings.has_timeline:
            self._thread.start()

    async def stop(self, patience: float) -> None:
        """Give what was written last `patience` seconds; what is left is for the next worker."""
        if self._thread.is_alive() and self._loop is not None and self._delivery is not None:
            stopping = asyncio.run_coroutine_threadsafe(self._delivery.stop(patience), self._loop)
            await asyncio.wait({asyncio.wrap_future(stopping)}, timeout=patience + CANCELLING)

    def _main(self) -> None:
        try:
            asyncio.run(self._deliver())
        except Exception:
            logger.exception("the delivery to the timeline has ended; events stay in the spool")

    async def _deliver(self) -> None:
        settings = self._settings
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            self._timeline = TimelineClient(
                settings.agent_timeline_url,
                settings.livekit_api_key or "",
                revealed(settings.livekit_api_secret) or "",
                session,
            )
            folder = Path(settings.agent_spool_dir)
            self._delivery = Delivery(folder, self._timeline, self._count)
            self._loop = asyncio.get_running_loop()
            await self._delivery.run()
