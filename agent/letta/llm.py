"""A Letta agent as the LLM of a LiveKit session.

`LettaLLM(...)` is cheap; `await init()` finds the agent and opens the room's conversation, and may
be tried again. Only Letta's assistant text becomes speech; all else it does becomes events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from letta_client import AsyncLetta
from livekit.agents import APIConnectOptions, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agent.events import Events
from agent.letta import agents
from agent.letta.conversation import Conversation
from agent.letta.errors import CANNOT_REACH, ONE_MOMENT, STILL_AWAY, Trouble, explain
from agent.letta.memory import said
from agent.letta.patience import Patience, is_away
from agent.letta.stream import LettaStream
from agent.turns import TurnRecord, Turns

logger = logging.getLogger("agent.letta")

OPENING_TIMEOUT = 2.0  # seconds that the end of a call waits for its conversation


class LettaLLM(llm.LLM[Any]):
    """The llm of one call."""

    def __init__(
        self,
        agent_id: str | None,
        *,
        client: AsyncLetta,
        room: str,
        events: Events,
        turns: Turns,
        first_token_timeout: float,
        patience: float,
    ) -> None:
        super().__init__()
        self.events = events
        self.turns = turns
        self.came_back: Callable[[], None] = lambda: None  # Letta answers again
        self.say: Callable[[str], None] = lambda _: None  # to the caller, in no reply
        self.unanswered: str | None = None  # the caller's last turn, while Letta is waited for
        self.busy = 0  # replies that are being made
        self.excuses: set[str] = set()  # what was said to the caller in place of a reply
        self._agent_id = agent_id
        self._agent_name = ""
        self._client = client
        self._room = room
        self._first_token_timeout = first_token_timeout
        self._conversation: Conversation | None = None
        self._opening = asyncio.Lock()
        self._patience = Patience(client, patience, lambda: self.came_back(), self._gave_up)
        self._settling: set[asyncio.Task[None]] = set()

    @property
    def model(self) -> str:
        return self._agent_name or self._agent_id or "unknown"

    @property
    def provider(self) -> str:
        return "letta"

    async def init(self) -> None:
        """Find the agent and open the room's conversation; raises Trouble that says what failed."""
        await self.conversation()

    async def conversation(self) -> Conversation:
        """The room's conversation, opened if that has not been done or has failed before."""
        async with self._opening:
            if self._conversation is None:
                try:
                    self._conversation = await self._open()
                except Exception as error:
                    raise self.explain(error) from error
                self.answered()
            return self._conversation

    def forget_conversation(self) -> None:
        """The conversation is gone: the next turn opens another and tells it the whole talk."""
        self._conversation = None

    def explain(self, error: BaseException) -> Trouble:
        return explain(error, str(self._client.base_url), self._agent_id)

    @property
    def is_waited_for(self) -> bool:
        """Whether Letta is away, and asked until it answers."""
        return self._patience.waited is not None

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A request carries all that is not answered yet."""
        self.unanswered = None
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1

    def answered(self) -> None:
        """Letta has done what it was asked for."""
        waited = self._patience.answered()
        if waited is not None:
            self.turns.back(waited)

    def excuse(self, trouble: Trouble, record: TurnRecord | None = None) -> str:
        """Tell of the trouble; the sentence for the caller, none when it was said already."""
        waited = self._patience.waited
        if not is_away(trouble) or not self._patience.begin(trouble):
            return self._refuse(trouble)
        logger.warning("waiting for Letta: %s", trouble)
        left = self._patience.seconds - (waited or 0.0)
        failed = {"code": trouble.code, "next_step": trouble.next_step, **trouble.failure.data}
        self.turns.waits(record, trouble.message, left, **failed)
        said = ONE_MOMENT if waited is None else STILL_AWAY
        if waited is not None and (record is None or record.again):
            return ""
        self.excuses.add(said)
        return said

    def _gave_up(self, trouble: Trouble, seconds: float) -> None:
        message = f"{trouble.message}, and did not answer for {seconds:.0f} s (LETTA_PATIENCE)"
        self.unanswered = None
        self.say(self._refuse(replace(trouble, message=message, spoken=CANNOT_REACH)))

    def _refuse(self, trouble: Trouble) -> str:
        self.events.emit(
            "think",
            "error",
            code=trouble.code,
            message=trouble.message,
            next_step=trouble.next_step,
            retryable=trouble.retryable,
            provider=trouble.provider,
            **trouble.failure.data,
        )
        logger.error("%s: %s", trouble.code, trouble)
        self.excuses.add(trouble.spoken)
        return trouble.spoken

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return LettaStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)

    def turn_ended(self, history: Sequence[llm.ChatItem]) -> None:
        """LiveKit knows what was heard of the last reply: have Letta's memory follow."""
        if self._conversation is not None:
            talk = said(history, self.excuses)
            settling = asyncio.create_task(self._conversation.settle(talk))
            self._settling.add(settling)
            settling.add_done_callback(self._settled)

    def _settled(self, settling: asyncio.Task[None]) -> None:
        self._settling.discard(settling)
        if not settling.cancelled() and (error := settling.exception()):
            logger.warning("a turn could not be settled with Letta: %s", self.explain(error))

    async def leave(self, history: Sequence[llm.ChatItem]) -> None:
        """The call is over: have Letta's memory hold what was said; never raises."""
        self._patience.aclose()
        # A caller who hung up at once may leave a conversation that is just being made.
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENING_TIMEOUT), self._opening:
                pass
        if self._conversation is not None:
            await self._conversation.aclose(said(history, self.excuses))

    async def _open(self) -> Conversation:
        if self._agent_id is None:
            self._agent_id = await agents.first(self._client)
        naming = asyncio.create_task(agents.name(self._client, self._agent_id))
        conversation = Conversation(
            self._client,
            self._agent_id,
            self._room,
            self._first_token_timeout,
            moved=self._tell_conversation,
            degraded=self._tell_degraded,
        )
        try:
            await conversation.open()
            self._agent_name = await naming
        finally:
            naming.cancel()
            await asyncio.gather(naming, return_exceptions=True)
        self._tell_conversation(conversation.id)
        return conversation

    def _tell_conversation(self, conversation_id: str) -> None:
        self.events.emit(
            "join",
            "conversation",
            conversation_id=conversation_id,
            agent_id=self._agent_id,
            agent_name=self._agent_name,
        )

    def _tell_degraded(self, what: str, error: str, consequence: str) -> None:
        logger.warning("%s: %s; %s", what, error, consequence)
        self.events.emit("job", "degraded", what=what, error=error, consequence=consequence)
