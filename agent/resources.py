"""Everything a call needs besides the room: made after the handshake, closed at the end of the
call."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.stt import STT
from livekit.agents.tts import TTS
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_fixed,
)

from agent.events import Events
from agent.letta.errors import Trouble
from agent.letta.llm import LettaLLM
from agent.process import Ready
from agent.room_exit import Callers
from agent.session import make_session
from agent.settings import AgentSettings
from agent.turns import Turns

logger = logging.getLogger("agent.job")

LETTA_TRIES = 3
LETTA_RETRY_AFTER = 0.5


@dataclass
class AgentResources:
    """A call's llm, stt, tts and session."""

    events: Events
    turns: Turns
    llm: LettaLLM
    stt: STT[Any]
    tts: TTS[Any]
    session: AgentSession[None]
    callers: Callers | None = None
    unsaid: list[str] = field(default_factory=list)  # sentences for when the session has begun
    resuming: asyncio.Task[None] | None = None  # since Letta is back

    async def aclose(self) -> None:
        """End the call for everybody it talked to; each part even if another fails."""
        self.turns.finish()
        if self.resuming is not None:
            self.resuming.cancel()
        if self.callers is not None:
            self.callers.aclose()
        for part in (
            self.llm.leave(self.session.history.items),
            self.stt.aclose(),
            self.tts.aclose(),
        ):
            try:
                await part
            except Exception:
                logger.exception("a part of the call could not be closed")


class Bootstrap:
    """Makes the resources; Letta's conversation opens meanwhile, as `opened` tells.

    Letta is asked while the room is being joined, since neither needs the other. `settings` are
    those of this call.
    """

    def __init__(
        self,
        ready: Ready,
        settings: AgentSettings,
        room_name: str,
        agent_id: str | None,
        events: Events,
    ) -> None:
        self._events = events
        turns = Turns(events)
        llm = LettaLLM(
            agent_id or settings.letta_agent_id,
            client=ready.letta,
            room=room_name,
            events=events,
            turns=turns,
            first_token_timeout=settings.letta_first_token_timeout,
            patience=settings.letta_patience,
        )
        ready.detector.tune(settings)
        session = make_session(
            settings, llm=llm, stt=ready.stt, tts=ready.tts, detector=ready.detector
        )
        self.resources = AgentResources(events, turns, llm, ready.stt, ready.tts, session)
        self.opened = asyncio.create_task(self._init_letta(), name="open the conversation")

    async def _init_letta(self) -> None:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(LETTA_TRIES),
            wait=wait_fixed(LETTA_RETRY_AFTER),
            retry=retry_if_exception(lambda error: isinstance(error, Trouble) and error.retryable),
            before_sleep=self._tell_retry,
            reraise=True,
        )
        await retrying(self.resources.llm.init)

    def _tell_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.warning(
            "try %s of %s to reach Letta failed: %s", state.attempt_number, LETTA_TRIES, error
        )
        self._events.emit(
            "job",
            "retry",
            what="letta",
            attempt=state.attempt_number,
            of=LETTA_TRIES,
            error=str(error),
        )
