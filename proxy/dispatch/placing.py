"""One look at a room and what has to be done there, tried again when that can help."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)

from proxy.dispatch.decision import Decision, Needed, WrongName, decide
from proxy.dispatch.record import Record, Wish
from proxy.dispatch.sight import Sight, look
from proxy.registration import Registration, Worker
from proxy.settings import ProxySettings
from proxy.sfu import Sfu, SfuError
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.dispatch")

TRIES = 3
FIRST_WAIT_S = 0.2
NO_TRY_AFTER_S = 4.0
"""No further try is begun this long after the first: somebody waits for the answer."""


@dataclass(frozen=True)
class Settled:
    """What was seen, what it meant, and the dispatch that was made because of it."""

    sight: Sight
    worker: Worker | None
    decision: Decision
    made: str | None = None


class Placer:
    """Looks at rooms and dispatches the agent where one is needed."""

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
        self.timeline = timeline
        self._checks_worker = settings.agent_check
        self._patience = settings.agent_join_timeout
        self.agent_name = settings.livekit_agent_name
        self.clock = clock

    async def worker(self, max_age: float = 0.0) -> Worker | None:
        """The worker as it is, or None when it is not to be asked."""
        return await self._registration.read(max_age) if self._checks_worker else None

    async def see(self, record: Record) -> Settled:
        """What the room is like and what that means, without doing anything about it."""
        sight, worker = await asyncio.gather(look(self._sfu, record.room), self.worker())
        present = {agent.identity for agent in sight.agents}
        left = {identity: at for identity, at in record.seen.items() if identity not in present}
        decision = decide(
            self.agent_name,
            sight,
            worker,
            now=self.clock(),
            patience=self._patience,
            left=left,
            dead=record.dead,
        )
        return Settled(sight, worker, decision)

    async def settle(
        self,
        record: Record,
        wish: Wish,
        may_dispatch: Callable[[Sight], bool],
    ) -> Settled:
        """See, and dispatch if an agent is needed and `may_dispatch` agrees; three tries.

        Every try begins with a look: one whose answer was lost may have brought the agent.
        The caller holds `record.lock`.
        """
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(TRIES) | stop_after_delay(NO_TRY_AFTER_S),
            wait=wait_exponential(multiplier=FIRST_WAIT_S),
            retry=retry_if_exception(_may_pass),
            before_sleep=lambda state: self._say_so(record.room, state),
            reraise=True,
        ):
            with attempt:
                settled = await self.see(record)
                if isinstance(settled.decision, Needed) and may_dispatch(settled.sight):
                    number = attempt.retry_state.attempt_number
                    metadata = wish.metadata(caller_waits=bool(settled.sight.callers))
                    made = await self._dispatch(record.room, metadata, settled.decision, number)
                    return Settled(settled.sight, settled.worker, settled.decision, made)
                return settled
        raise AssertionError("tenacity either returns or raises")

    def note_waiting(self, record: Record, settled: Settled) -> None:
        """Put into the timeline that nobody can take the dispatch yet."""
        registered = (
            settled.decision.registered if isinstance(settled.decision, WrongName) else None
        )
        self.timeline.note(
            record.room,
            "dispatch",
            "waiting_for_worker",
            {
                "message": record.message,
                "registered_name": registered,
                "wanted": self.agent_name,
            },
        )

    async def _dispatch(self, room: str, metadata: str, needed: Needed, attempt: int) -> str:
        """Clear away what is left of earlier agents and ask for a new one; the dispatch's id."""
        for identity in needed.ghosts:
            log.warning("Removing agent %s from room %s: its job is over", identity, room)
            await self._sfu.remove_participant(room, identity)
        for dispatch_id in needed.stale:
            log.info("Deleting stale dispatch %s of room %s", dispatch_id, room)
            await self._sfu.delete_dispatch(room, dispatch_id)
        began = time.monotonic()
        dispatch = await self._sfu.create_dispatch(room, self.agent_name, metadata)
        ms = round((time.monotonic() - began) * 1000, 1)
        made = {"dispatch_id": dispatch.id, "attempt": attempt, "of": TRIES, "ms": ms}
        self.timeline.note(room, "dispatch", "made", made)
        log.info(
            "Agent dispatch initiated for room: %s (dispatch %s, agent name %s)",
            room,
            dispatch.id,
            self.agent_name,
        )
        return dispatch.id

    def _say_so(self, room: str, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("Try %d of %d for room %s failed: %s", state.attempt_number, TRIES, room, error)
        failed = {"attempt": state.attempt_number, "of": TRIES, "error": str(error)}
        self.timeline.note(room, "dispatch", "retry", failed)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, SfuError) and error.transient
