"""One call with one Letta agent: its conversation, its replies, and what happens when Letta fails
or is away.

Nothing of LiveKit is in here. agent/letta/llm.py is this call as the llm of a LiveKit session,
agent/job/session.py is that session as this call sees it (CallSession).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from agent.events import Events
from agent.letta import excuses
from agent.letta.conversation import LettaConversation
from agent.letta.excuses import CANNOT_REACH, ONE_MOMENT, READY, SAID_NOTHING, STILL_AWAY
from agent.letta.memory import SpokenMessage, until_user, without_excuses
from agent.letta.outage import OutageWatch, is_away
from agent.letta.run import ThinkEvents
from agent.turns import TurnRecord, Turns
from common.letta import errors
from common.letta.backend import Backend, Words
from common.letta.errors import CONVERSATION_GONE, LettaError

logger = logging.getLogger("agent.letta")

ASKED_AGAIN = (CONVERSATION_GONE, SAID_NOTHING)  # after which a turn is sent once more, at once
LOOK_EVERY = 0.1  # seconds
TURN_BEGINS_AFTER = 1.5  # seconds after the caller's last sound, at most
OPENING_TIMEOUT = 2.0  # seconds that the end of a call waits for its conversation


class CallSession(Protocol):
    """What the call needs of the session that hears and speaks."""

    @property
    def messages(self) -> Sequence[SpokenMessage]:
        """What was said so far; of an interrupted reply, what was heard."""

    @property
    def caller_speaks(self) -> bool:
        """Whether the caller speaks at this moment."""

    def say(self, sentence: str) -> None:
        """Say what is not Letta's, if it is anything."""

    def generate_reply(self) -> None:
        """Have the caller's last turn answered."""


class LettaCall:
    """Construction is cheap; `open` finds the agent and the room's conversation.

    `agent_id`: None for the first agent that Letta lists. `first_token_timeout` and `outage_limit`
    (how long a Letta that is away is waited for) are in seconds.
    """

    def __init__(
        self,
        agent_id: str | None,
        *,
        backend: Backend,
        room: str,
        events: Events,
        turns: Turns,
        session: CallSession,
        first_token_timeout: float,
        outage_limit: float,
    ) -> None:
        self.agent_id = agent_id
        self.agent_name = ""
        self._backend = backend
        self._room = room
        self._events = events
        self._turns = turns
        self._session = session
        self._first_token_timeout = first_token_timeout
        self._conversation: LettaConversation | None = None
        self._opening = asyncio.Lock()
        self._outage = OutageWatch(
            backend, outage_limit, back=self._letta_is_back, gave_up=self._letta_stays_away
        )
        self._unanswered_id: str | None = None  # the caller's last turn, while Letta is away
        self._open_replies = 0  # replies that are being made
        self._excuses: set[str] = set()  # what was said to the caller in place of a reply
        self._settling: set[asyncio.Task[None]] = set()
        self._recovering: set[asyncio.Task[None]] = set()

    @property
    def letta_is_away(self) -> bool:
        """Whether Letta is away, and asked until it answers."""
        return self._outage.seconds is not None

    async def open(self) -> None:
        """Find the agent and open the room's conversation; may be tried again.

        Raises LettaError that says what failed.
        """
        await self._opened()

    async def reply(self, messages: Sequence[SpokenMessage], speak: Callable[[str], None]) -> None:
        """Reply to the last turn of the caller, if it waits for one.

        `speak` is called with each piece of the reply; in the end with an excuse when Letta failed.
        """
        messages = without_excuses(messages, self._excuses)
        if self._unanswered_id is not None:  # what was heard before Letta broke off is no answer
            messages = until_user(messages)
        if not messages or messages[-1].role != "user":
            return
        user_turn = messages[-1]
        again = user_turn.id == self._unanswered_id
        self._unanswered_id = None  # this request carries all that is not answered yet
        self._open_replies += 1
        try:
            record = self._turns.request(user_turn.text, self.turn_spoken, again=again)
            try:
                await self._answer_or_try_again(messages, record, speak)
            except Exception as error:  # the caller hears a sentence instead of nothing
                excuse = self.excuse(error, record)
                if self.letta_is_away:
                    self._unanswered_id = user_turn.id
                speak(f" {excuse}" if record.reply else excuse)
        finally:
            self._open_replies -= 1

    def turn_spoken(self) -> None:
        """The session knows what was heard of the last reply: have Letta's memory follow."""
        if self._conversation is not None:
            settling = asyncio.create_task(self._conversation.settle(self._said()))
            self._settling.add(settling)
            settling.add_done_callback(self._settled)

    def excuse(self, error: BaseException, record: TurnRecord | None = None) -> str:
        """Tell of a failure, in the turn of `record` if it was in one. Returns the sentence for the
        caller; none when it was said already."""
        letta_error = self._explain(error)
        waited = self._outage.seconds
        if not is_away(letta_error) or not self._outage.begin(letta_error):
            return self._refuse(letta_error)
        logger.warning("waiting for Letta: %s", letta_error)
        left = self._outage.limit - (waited or 0.0)
        data = {
            "code": letta_error.code,
            "next_step": letta_error.next_step,
            **letta_error.failure.data,
        }
        self._turns.waits(record, letta_error.message, left, **data)
        sentence = ONE_MOMENT if waited is None else STILL_AWAY
        if waited is not None and (record is None or record.again):
            return ""
        self._excuses.add(sentence)
        return sentence

    async def close(self) -> None:
        """The call is over: have Letta's memory hold what was said; never raises."""
        for recovering in self._recovering:
            recovering.cancel()
        self._outage.aclose()
        # A caller who hung up at once may leave a conversation that is just being made.
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENING_TIMEOUT), self._opening:
                pass
        if self._conversation is not None:
            await self._conversation.aclose(self._said())

    async def _opened(self) -> LettaConversation:
        """The room's conversation, opened if that has not been done or has failed before."""
        async with self._opening:
            if self._conversation is None:
                try:
                    self._conversation = await self._open()
                except Exception as error:
                    raise self._explain(error) from error
                self._letta_answered()
            return self._conversation

    async def _open(self) -> LettaConversation:
        if self.agent_id is None:
            agents = await self._backend.agents(1)
            if not agents:
                raise errors.no_agent(self._backend.base_url)
            self.agent_id = agents[0].id
        naming = asyncio.create_task(self._backend.agent(self.agent_id))
        conversation = LettaConversation(
            self._backend,
            self.agent_id,
            self._room,
            self._first_token_timeout,
            moved=self._emit_conversation,
            degraded=self._emit_degraded,
        )
        try:
            await conversation.open()
            self.agent_name = (await naming).name
        finally:
            naming.cancel()
            await asyncio.gather(naming, return_exceptions=True)
        self._emit_conversation(conversation.id)
        return conversation

    async def _answer_or_try_again(
        self, messages: list[SpokenMessage], record: TurnRecord, speak: Callable[[str], None]
    ) -> None:
        try:
            await self._answer(messages, record, speak)
        except LettaError as letta_error:
            if not letta_error.retryable or letta_error.code not in ASKED_AGAIN or record.reply:
                raise
            if letta_error.code == CONVERSATION_GONE:  # another is opened, and told the whole talk
                self._conversation = None
            self._turns.retried(record, letta_error.message)
            await self._answer(messages, record, speak)

    async def _answer(
        self, messages: list[SpokenMessage], record: TurnRecord, speak: Callable[[str], None]
    ) -> None:
        conversation = await self._opened()
        turn = await conversation.send(messages)
        think_events = ThinkEvents(self._events)
        try:
            async for part in turn.run:
                if isinstance(part, Words) and part.text:
                    self._turns.token(record, part.text)
                    turn.reply += part.text
                    speak(part.text)
                think_events.take(part)
        except (LettaError, asyncio.CancelledError):
            conversation.stop(turn)
            raise
        finally:
            think_events.flush()
        conversation.replied(turn)
        self._letta_answered()
        self._turns.replied(record, turn.run.outcome.stop_reason)

    def _letta_answered(self) -> None:
        """Letta has done what it was asked for."""
        waited = self._outage.answered()
        if waited is not None:
            self._turns.back(waited)

    def _letta_is_back(self) -> None:
        recovering = asyncio.create_task(self._recover(), name="letta is back")
        self._recovering.add(recovering)
        recovering.add_done_callback(self._recovering.discard)

    def _letta_stays_away(self, letta_error: LettaError, seconds: float) -> None:
        message = f"{letta_error.message}, and did not answer for {seconds:.0f} s (LETTA_PATIENCE)"
        self._unanswered_id = None
        self._session.say(self._refuse(replace(letta_error, message=message), CANNOT_REACH))

    async def _recover(self) -> None:
        """The call goes on: what the caller said while Letta was away is answered, once."""
        was_away = self.letta_is_away
        try:
            await self.open()
        except LettaError as letta_error:
            self._session.say(self.excuse(letta_error))
            return
        if was_away and not self._turns.begun:
            self._session.say(READY)
            return
        # A turn that is being answered, or about to begin, carries what waits.
        while self._open_replies or self._session.caller_speaks:  # noqa: ASYNC110 - neither tells
            await asyncio.sleep(TURN_BEGINS_AFTER if self._session.caller_speaks else LOOK_EVERY)
        if self._unanswered_id is not None:
            self._session.generate_reply()

    def _refuse(self, letta_error: LettaError, spoken: str = "") -> str:
        spoken = spoken or excuses.excuse(letta_error)
        self._events.emit(
            "think",
            "error",
            code=letta_error.code,
            message=letta_error.message,
            next_step=letta_error.next_step,
            retryable=letta_error.retryable,
            provider=letta_error.provider,
            **letta_error.failure.data,
        )
        logger.error("%s: %s", letta_error.code, letta_error)
        self._excuses.add(spoken)
        return spoken

    def _said(self) -> list[SpokenMessage]:
        return without_excuses(self._session.messages, self._excuses)

    def _settled(self, settling: asyncio.Task[None]) -> None:
        self._settling.discard(settling)
        if not settling.cancelled() and (error := settling.exception()):
            logger.warning("a turn could not be settled with Letta: %s", self._explain(error))

    def _explain(self, error: BaseException) -> LettaError:
        if isinstance(error, LettaError):
            return error
        return errors.unknown(self._backend.base_url, error)

    def _emit_conversation(self, conversation_id: str) -> None:
        self._events.emit(
            "join",
            "conversation",
            conversation_id=conversation_id,
            agent_id=self.agent_id,
            agent_name=self.agent_name,
        )

    def _emit_degraded(self, what: str, error: str, consequence: str) -> None:
        logger.warning("%s: %s; %s", what, error, consequence)
        self._events.emit("job", "degraded", what=what, error=error, consequence=consequence)
