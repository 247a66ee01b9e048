"""Everything a call needs besides the room: made after the handshake, closed at the end of the
call."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.stt import STT
from livekit.agents.tts import TTS
from tenacity import RetryCallState

from agent.events import Events
from agent.job.process import Ready
from agent.job.room_exit import Callers
from agent.job.session import VoiceSession, follow_overlap, make_session
from agent.letta.call import LettaCall
from agent.settings import AgentSettings
from agent.speech.end_of_turn import EndOfTurn
from agent.speech.overlap import Overlap
from agent.turns import Turns
from common.letta.errors import LettaError
from common.retry import OPEN_LETTA

logger = logging.getLogger("agent.job")


@dataclass
class AgentResources:
    """A call's parts. `opened` opens Letta's conversation; it ends with an error when that failed.
    `callers` is there as soon as the session has started."""

    events: Events
    turns: Turns
    stt: STT[Any]
    tts: TTS[Any]
    end_of_turn: EndOfTurn
    overlap: Overlap
    session: AgentSession[None]
    voice: VoiceSession
    letta: LettaCall
    opened: asyncio.Task[None]
    callers: Callers | None = None

    async def aclose(self) -> None:
        """End the call for everybody it talked to; each part even if another fails."""
        self.turns.finish()
        if self.callers is not None:
            self.callers.aclose()
        for close in (
            self.letta.close,
            self.end_of_turn.aclose,
            self.stt.aclose,
            self.tts.aclose,
        ):
            try:
                await close()
            except Exception:
                logger.exception("a part of the call could not be closed")


def bootstrap_resources(
    ready: Ready,
    settings: AgentSettings,
    room_name: str,
    agent_id: str | None,
    events: Events,
) -> AgentResources:
    """Make the parts; `settings` are those of this call.

    Letta is asked while the room is being joined, since neither needs the other.
    """
    turns = Turns(events)
    ready.detector.tune(settings)
    end_of_turn = EndOfTurn(settings, ready.stt, ready.detector, ready.reports)
    session = make_session(
        settings, stt=ready.stt, tts=ready.tts, detector=ready.detector, end_of_turn=end_of_turn
    )
    follow_overlap(session, ready.overlap, settings)
    voice = VoiceSession(session)
    letta = LettaCall(
        agent_id or settings.letta_agent_id,
        backend=ready.letta,
        room=room_name,
        events=events,
        turns=turns,
        session=voice,
        first_token_timeout=settings.letta_first_token_timeout,
        outage_limit=settings.letta_patience,
    )
    opened = asyncio.create_task(open_conversation(letta, events), name="open the conversation")
    return AgentResources(
        events,
        turns,
        ready.stt,
        ready.tts,
        end_of_turn,
        ready.overlap,
        session,
        voice,
        letta,
        opened,
    )


async def open_conversation(letta: LettaCall, events: Events) -> None:
    """Try several times; raises the LettaError of the last try."""

    def report_retry(state: RetryCallState) -> None:
        number, tries = state.attempt_number, OPEN_LETTA.tries
        error = state.outcome.exception() if state.outcome else None
        logger.warning("try %s of %s to reach Letta failed: %s", number, tries, error)
        events.emit("job", "retry", what="letta", attempt=number, of=tries, error=str(error))

    def may_pass(error: BaseException) -> bool:
        return isinstance(error, LettaError) and error.retryable

    await OPEN_LETTA.retrying(may_pass, before_sleep=report_retry)(letta.open)
