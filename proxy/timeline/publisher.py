"""Verdicts of the open calls: judged at each event and by the clock, and told to who watches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from common.events import STAGES, Stage
from proxy.api.endpoint import Answer
from proxy.timeline.call import CallRecord
from proxy.timeline.calls_live import LiveCalls
from proxy.timeline.subscribers import Subscribers
from proxy.timeline.usual import UsualTimes
from proxy.timeline.write_queue import WriteQueue
from proxy.verdicts.history import History
from proxy.verdicts.judge import failing, judge
from proxy.verdicts.system_health import SystemHealth
from proxy.verdicts.verdict import State, Verdict

log = logging.getLogger("proxy.timeline")

EVERY_S = 0.5
DEBOUNCE_S = 0.1
QUIET_S = 60.0
"""An open call that nobody watches and of which nothing was heard for so long is judged rarely."""
QUIET_EVERY = 10

Verdicts = Mapping[Stage, Verdict]


class EvidenceAnswer(BaseModel):
    """What proves a verdict, quoted."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    source: str
    at: float | None
    seq: int | None


class VerdictAnswer(BaseModel):
    """How one stage stands, why, and what to do."""

    model_config = ConfigDict(from_attributes=True)

    stage: Stage
    state: State
    cause: str = Field(description="A code such as microphone-denied; empty when there is none.")
    sentence: str
    next: str
    evidence: list[EvidenceAnswer]
    since: float | None = Field(description="Seconds since the epoch.")
    ms: float | None = Field(description="How long the stage took the last time.")
    usual_ms: float | None


class VerdictsAnswer(Answer):
    """The twelve stages in order; `failing` names the one that fails."""

    room: str | None
    call: str | None = Field(description="The call that is judged; null without one.")
    now: float
    failing: Stage | None
    verdicts: list[VerdictAnswer]


def verdicts_answer(
    room: str | None, call: str | None, now: float, verdicts: Verdicts
) -> VerdictsAnswer:
    """`verdicts` of `call` in `room`, as answered and streamed."""
    return VerdictsAnswer(
        room=room,
        call=call,
        now=now,
        failing=failing(dict(verdicts)),
        verdicts=[VerdictAnswer.model_validate(verdicts[stage]) for stage in STAGES],
    )


def verdicts_as_json(verdicts: Verdicts) -> list[dict[str, Any]]:
    """`verdicts` as they are kept with a call that has ended."""
    return [asdict(verdicts[stage]) for stage in STAGES]


class VerdictPublisher:
    """Judges in the background, and answers with the verdicts of the moment."""

    def __init__(
        self,
        calls: LiveCalls,
        subscribers: Subscribers,
        queue: WriteQueue,
        health: Callable[[], SystemHealth],
    ) -> None:
        self._calls = calls
        self._subscribers = subscribers
        self._queue = queue
        self._health = health
        self.usual = UsualTimes()
        self._changed: dict[CallRecord, None] = {}
        self._news = asyncio.Event()
        self._without_call: Verdicts = {}
        """The last verdicts that were published for rooms without a call."""
        self._round = 0
        self._last_fault = ""

    def call_changed(self, call: CallRecord) -> None:
        """Something happened in `call`."""
        self._changed[call] = None
        self._news.set()

    def of_room(self, room: str | None) -> tuple[CallRecord | None, Verdicts]:
        """The present verdicts of a room's call (open, or ended just now), or of the system."""
        call = self._calls.newest(room) if room is not None else None
        if call is not None:
            return call, self.of_call(call)
        return None, judge(History(), self._health(), time.time())

    def of_call(self, call: CallRecord) -> Verdicts:
        """The present verdicts of a call; of one that has ended, those at its end."""
        if call.ended is not None and call.verdicts:
            return call.verdicts
        return judge(call.history, self._health_of(call), call.ended or time.time())

    def _health_of(self, call: CallRecord) -> SystemHealth:
        return replace(self._health(), usual=self.usual.of(call.agent_id))

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
            calls, self._changed = list(self._changed), {}
            if time.monotonic() >= next_round:
                next_round = time.monotonic() + EVERY_S
                self._round += 1
                calls = list({**dict.fromkeys(calls), **dict.fromkeys(self._due())})
                self._judge_rooms_without_call()
            for call in calls:
                self._judge(call)
                await asyncio.sleep(0)  # a judgement takes a while; requests come first

    def _due(self) -> list[CallRecord]:
        """The open calls whose verdicts may change by the clock."""
        watched = set(self._subscribers.rooms)
        rarely = self._round % QUIET_EVERY != 0
        heard_since = time.monotonic() - QUIET_S
        return [
            call
            for call in self._calls
            if call.open
            and not (rarely and call.heard_at < heard_since and call.room not in watched)
        ]

    def _judge(self, call: CallRecord) -> None:
        if call.ended is not None and call.stored_verdicts is not None and not call.verdicts:
            return  # read back from the database: the health of its time is not known any more
        before = call.verdicts
        now = time.time() if call.ended is None else call.ended
        try:
            call.verdicts = judge(call.history, self._health_of(call), now)
        except Exception as error:
            self._log_once(error, call.room)
            return
        if call.ended is not None:
            if call.stored_verdicts is None:
                self.usual.learn(call.agent_id, verdicts_as_json(call.verdicts))
            call.stored_verdicts = verdicts_as_json(call.verdicts)
            self._queue.touch(call)
        if call.verdicts == before:
            return
        self._note_failure(call)
        if call is self._calls.newest(call.room):
            self._subscribers.publish_verdicts(call.room, _message(call.room, call, call.verdicts))

    def _note_failure(self, call: CallRecord) -> None:
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
        self._queue.touch(call)

    def _log_once(self, error: Exception, room: str) -> None:
        """A fault of the judge, which it would repeat twice a second."""
        fault = f"{type(error).__name__}: {error}"
        if fault != self._last_fault:
            self._last_fault = fault
            log.exception("The call in room %s cannot be judged", room, exc_info=error)

    def _judge_rooms_without_call(self) -> None:
        """Watchers of a room in which nothing has happened yet see how the system is."""
        rooms = [room for room in self._subscribers.rooms if self._calls.newest(room) is None]
        if not rooms:
            return
        try:
            verdicts = judge(History(), self._health(), time.time())
        except Exception as error:
            self._log_once(error, "(none)")
            return
        if verdicts != self._without_call:
            self._without_call = verdicts
            for room in rooms:
                self._subscribers.publish_verdicts(room, _message(room, None, verdicts))


def _message(room: str, call: CallRecord | None, verdicts: Verdicts) -> str:
    answer = verdicts_answer(room, call.id if call else None, time.time(), verdicts)
    return f"event: verdicts\ndata: {answer.model_dump_json()}\n\n"
