"""Judging every open call when something happens in it, and often enough when nothing does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from common.events import Stage
from proxy.timeline.answers import stored, verdicts_answer
from proxy.timeline.call import Call
from proxy.timeline.keeping import Keeper
from proxy.timeline.live import Live
from proxy.timeline.subscribers import Subscribers
from proxy.verdicts.health import Health
from proxy.verdicts.history import History
from proxy.verdicts.judge import failing, judge
from proxy.verdicts.verdict import Verdict

log = logging.getLogger("proxy.timeline")

EVERY_S = 0.5
DEBOUNCE_S = 0.1
QUIET_S = 60.0
"""An open call that nobody watches and of which nothing was heard for so long is judged rarely."""
QUIET_EVERY = 10

Verdicts = Mapping[Stage, Verdict]


class Judging:
    """The task, and the verdicts of the moment for who asks."""

    def __init__(
        self, live: Live, subscribers: Subscribers, keeper: Keeper, health: Callable[[], Health]
    ) -> None:
        self._live = live
        self._subscribers = subscribers
        self._keeper = keeper
        self._health = health
        self._fresh: dict[Call, None] = {}
        self._news = asyncio.Event()
        self._empty: Verdicts = {}
        self._round = 0
        self._told: set[str] = set()

    def news(self, call: Call) -> None:
        """Something happened in `call`."""
        self._fresh[call] = None
        self._news.set()

    def of_room(self, room: str | None) -> tuple[Call | None, Verdicts]:
        """The present verdicts of a room's call (open, or ended just now), or of the system."""
        call = self._live.newest(room) if room is not None else None
        if call is not None:
            return call, self.of_call(call)
        return None, judge(History(), self._health(), time.time())

    def of_call(self, call: Call) -> Verdicts:
        """The present verdicts of a call; of one that has ended, those at its end."""
        if call.ended is not None and call.verdicts:
            return call.verdicts
        return judge(call.history, self._health(), call.ended or time.time())

    def message(self, room: str) -> str:
        """The present verdicts as the stream carries them."""
        call, verdicts = self.of_room(room)
        return _message(room, call, verdicts)

    async def run(self) -> None:
        """Judge until cancelled."""
        next_round = time.monotonic()
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + EVERY_S):
                    await self._news.wait()
                await asyncio.sleep(DEBOUNCE_S)
            except TimeoutError:
                pass
            self._news.clear()
            calls, self._fresh = list(self._fresh), {}
            if time.monotonic() >= next_round:
                next_round = time.monotonic() + EVERY_S
                self._round += 1
                calls = list({**dict.fromkeys(calls), **dict.fromkeys(self._due())})
                self._judge_rooms_without_call()
            for call in calls:
                self._judge(call)
                await asyncio.sleep(0)  # a judgement takes a while; requests come first

    def _due(self) -> list[Call]:
        """The open calls whose verdicts may change by the clock."""
        watched = set(self._subscribers.rooms)
        rarely = self._round % QUIET_EVERY != 0
        heard_since = time.monotonic() - QUIET_S
        return [
            call
            for call in self._live
            if call.open
            and not (rarely and call.heard_at < heard_since and call.room not in watched)
        ]

    def _judge(self, call: Call) -> None:
        if call.ended is not None and call.stored_verdicts is not None and not call.verdicts:
            return  # read back from the database: the health of its time is not known any more
        before = call.verdicts
        now = time.time() if call.ended is None else call.ended
        try:
            call.verdicts = judge(call.history, self._health(), now)
        except Exception as error:
            self._tell_once(error, call.room)
            return
        if call.ended is not None:
            call.stored_verdicts = stored(call.verdicts)
            self._keeper.touch(call)
        if call.verdicts == before:
            return
        self._remember(call)
        if call is self._live.newest(call.room):
            self._subscribers.tell_verdicts(call.room, _message(call.room, call, call.verdicts))

    def _remember(self, call: Call) -> None:
        """Keep in the call's row what fails, and what failed last."""
        stage = failing(dict(call.verdicts))
        cause = call.verdicts[stage].cause if stage is not None else None
        if (stage, cause) == (call.failing, call.cause):
            return
        call.failing, call.cause = stage, cause
        if stage is not None:
            verdict = call.verdicts[stage]
            call.worst = {
                "stage": stage,
                "cause": verdict.cause,
                "sentence": verdict.sentence,
                "at": time.time(),
            }
        self._keeper.touch(call)

    def _tell_once(self, error: Exception, room: str) -> None:
        """A fault of the judge, which it would repeat twice a second."""
        told = f"{type(error).__name__}: {error}"
        if told not in self._told:
            self._told = {told}
            log.exception("The call in room %s cannot be judged", room, exc_info=error)

    def _judge_rooms_without_call(self) -> None:
        """Watchers of a room in which nothing has happened yet see how the system is."""
        rooms = [room for room in self._subscribers.rooms if self._live.newest(room) is None]
        if not rooms:
            return
        try:
            verdicts = judge(History(), self._health(), time.time())
        except Exception as error:
            self._tell_once(error, "(none)")
            return
        if verdicts != self._empty:
            self._empty = verdicts
            for room in rooms:
                self._subscribers.tell_verdicts(room, _message(room, None, verdicts))


def _message(room: str, call: Call | None, verdicts: Verdicts) -> str:
    answer = verdicts_answer(room, call.id if call else None, time.time(), verdicts)
    return f"event: verdicts\ndata: {answer.model_dump_json()}\n\n"
