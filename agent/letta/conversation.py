"""The Letta conversation of a room, kept exact by forks.

Letta's messages cannot be changed, and a run that ends stores all it wrote, heard or not. So there
is always a fork of the conversation as it was before the last turn (the checkpoint). When that
turn's reply was not heard in full, the checkpoint becomes the room's conversation, the other one is
deleted with what it stored, and the words that were really said go in front of the next turn. A
fork costs Letta about 35 ms and is made while the agent speaks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import letta_client
from letta_client import AsyncLetta

from agent.letta.forks import Fork, Forks, failed
from agent.letta.memory import SpokenMessage, answers, heard_in_full, missing
from agent.letta.run import LettaRun

logger = logging.getLogger("agent.letta")

CLOSING_TIMEOUT = 3.0  # seconds Letta has to take the last words of a call
NEWEST = 20  # messages looked at to find out what Letta stored
LISTED = 100  # conversations among which the room's is looked for
CANNOT_RECORD = (404, 405, 422, 501)  # statuses of a server that records no words without a reply


@dataclass
class LettaTurn:
    """The last request: what it carried, the run that answers it, and the reply so far."""

    sent: list[SpokenMessage]
    run: LettaRun
    reply: str = ""

    @property
    def user_id(self) -> str:
        return self.sent[-1].id


class LettaConversation:
    """One room's conversation with one Letta agent.

    `moved(conversation_id)` is called when a checkpoint has become the room's conversation,
    `degraded(what, error, consequence)` when memory cannot be exact. In each method `messages` is
    all that was said in the call so far, without excuses.
    """

    def __init__(
        self,
        client: AsyncLetta,
        agent_id: str,
        room: str,
        first_token_timeout: float,
        moved: Callable[[str], None],
        degraded: Callable[[str, str, str], None],
    ) -> None:
        self.id = ""
        self._labelled_id = ""  # which conversation has the room's label
        self._created_id = ""  # the conversation that this call has made
        self._left_behind: list[str] = []  # checkpoints of a job that was killed
        self._client = client
        self._client_without_retries = client.with_options(max_retries=0)
        self._agent_id = agent_id
        self._label = f"voice room {room}"
        self._forks = Forks(client, f"{self._label} (checkpoint)")
        self._first_token_timeout = first_token_timeout
        self._moved = moved
        self._degraded = degraded
        self._held: set[str] = set()  # message ids the checkpoint holds: all but the last turn
        self._turn: LettaTurn | None = None
        self._checkpoint: Fork | None = None
        self._next_checkpoint: Fork | None = None
        self._settling = asyncio.Lock()
        self._closed = False

    async def open(self) -> None:
        """Find the room's conversation, so that a later job goes on with it, or make one.

        A room nearly always is new, so one is made while the other is looked for.
        """
        creating = self._client.conversations.create(agent_id=self._agent_id, summary=self._label)
        listing = self._client.conversations.list(
            agent_id=self._agent_id, summary_search=self._label, limit=LISTED
        )
        listed, created = await asyncio.gather(listing, creating)  # the newest first
        older = [
            conversation.id
            for conversation in listed
            if conversation.summary == self._label and conversation.id != created.id
        ]
        self._left_behind = [
            conversation.id for conversation in listed if conversation.summary == self._forks.label
        ]
        if older:
            self.id = older[0]
            self._forks.later(self._forks.delete(created.id))
            # The agent's memory may have changed since the prompt was compiled.
            await self._client.conversations.recompile(self.id)
        else:
            self.id = self._created_id = created.id
        self._labelled_id = self.id
        self._checkpoint = self._forks.make(self.id)

    async def send(self, messages: Sequence[SpokenMessage]) -> LettaTurn:
        """Start a run for the last user turn, and for what Letta missed before it."""
        await self.settle(messages)
        # All of it is there when Letta stored a turn and went away before its reply.
        unsent = missing(messages, self._held) or [messages[-1]]
        run = LettaRun(self._client_without_retries, self.id, unsent, self._first_token_timeout)
        self._turn = LettaTurn(unsent, run)
        return self._turn

    async def settle(self, messages: Sequence[SpokenMessage]) -> None:
        """The last turn is over: keep it if all of it was heard, else go back to before it.

        Done as soon as LiveKit knows what was heard, so that the next turn need not wait for it.
        """
        async with self._settling:
            if self._closed:
                return
            if self._labelled_id != self.id:  # Letta was away when it was to be told
                self._forks.later(self._label_it())
            await self._settle(messages)
            if self._checkpoint is None or failed(self._checkpoint):
                # A fork of a conversation with a run shows the state before the run, if it is
                # asked for before the run ends: the next turn need not wait for this.
                self._checkpoint = self._forks.make(self.id)
                await asyncio.sleep(0)

    def replied(self, turn: LettaTurn) -> None:
        """The reply is written: make the next checkpoint while it is spoken."""
        if turn is self._turn and turn.run.outcome.complete:
            self._next_checkpoint = self._forks.make(self.id)

    def stop(self, turn: LettaTurn) -> None:
        """The caller interrupted the turn, or it is given up."""
        self._forks.later(turn.run.cancel())

    async def aclose(self, messages: Sequence[SpokenMessage]) -> None:
        """The call is over: leave exactly what was said, and none of the forks; never raises."""
        closing = asyncio.create_task(self._close(messages), name="end of the call for letta")
        await asyncio.wait({closing}, timeout=CLOSING_TIMEOUT)
        if not closing.done():
            logger.warning("Letta did not take the end of the call within %s s", CLOSING_TIMEOUT)
            closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        if not closing.cancelled() and (error := closing.exception()):
            logger.error("the end of the call could not be told to Letta", exc_info=error)
        await self._forks.aclose()

    async def _close(self, messages: Sequence[SpokenMessage]) -> None:
        async with self._settling:
            self._closed = True
            await self._settle(messages)
        self._forks.discard(self._checkpoint)
        self._checkpoint = None
        if self._labelled_id != self.id:
            await self._label_it()
        if last_words := missing(messages, self._held):
            exact = await record(self._client, self._agent_id, self.id, last_words)
            self._hold(last_words)
            if not exact:
                self._degraded(
                    "memory",
                    "this Letta server cannot store words without a reply",
                    "the last words of the call are not in the conversation",
                )
        if not messages and self.id == self._created_id:  # nobody said a word: nothing to keep
            await self._forks.delete(self.id)
        await self._forks.settled()
        # Not all that there are now: the next call of this room may have begun.
        for conversation_id in self._left_behind:
            await self._forks.delete(conversation_id)

    async def _settle(self, messages: Sequence[SpokenMessage]) -> None:
        turn, checkpoint_after = self._turn, self._next_checkpoint
        if turn is None:
            return
        try:
            self._turn = self._next_checkpoint = None
            await self._keep_or_go_back(messages, turn, checkpoint_after)
        except Exception:  # Letta is away: it is done when that is over
            self._turn, self._next_checkpoint = turn, checkpoint_after
            raise

    async def _keep_or_go_back(
        self, messages: Sequence[SpokenMessage], turn: LettaTurn, checkpoint_after: Fork | None
    ) -> None:
        heard = answers(messages, turn.user_id)
        if turn.run.outcome.complete and heard is not None and heard_in_full(turn.reply, heard):
            self._hold(turn.sent, heard)
            self._forks.discard(self._checkpoint)
            self._checkpoint = checkpoint_after
            return
        before_id = await self._checkpoint if self._checkpoint else None
        self._checkpoint = None
        self._forks.discard(checkpoint_after)
        if before_id is None:
            await self._keep_what_is_stored(turn, heard or [])
            return
        dropped_id, self.id = self.id, before_id
        self._forks.drop(dropped_id)
        self._forks.later(self._replace(dropped_id, turn))
        self._moved(self.id)
        if turn.run.outcome.acted:
            await self._recompile()

    async def _recompile(self) -> None:
        """The turn that is forgotten has changed the memory, of which the prompt knows nothing."""
        try:
            await self._client.conversations.recompile(self.id)
        except letta_client.APIError as error:
            logger.warning("the prompt of %s still shows an older memory: %s", self.id, error)

    async def _replace(self, dropped_id: str, turn: LettaTurn) -> None:
        """What the run still stores goes with its conversation."""
        await self._label_it()
        await turn.run.cancel()
        await self._forks.delete(dropped_id)

    async def _label_it(self) -> None:
        """The room's conversation is found by its label, which a checkpoint does not have."""
        conversation_id = self.id
        await self._client.conversations.update(conversation_id, summary=self._label)
        self._labelled_id = conversation_id

    async def _keep_what_is_stored(self, turn: LettaTurn, heard: Sequence[SpokenMessage]) -> None:
        """There is nothing to go back to: learn what Letta made of the turn."""
        await turn.run.cancel()
        page = await self._client.conversations.messages.list(
            self.id, order="desc", limit=NEWEST, include_return_message_types=["user_message"]
        )
        stored = {str(getattr(message, "content", "")).strip() for message in page.items}
        if turn.sent[-1].text in stored:
            self._hold(turn.sent, heard)
            self._degraded(
                "memory",
                "Letta could not fork the conversation",
                "Letta remembers more of the interrupted reply than was heard",
            )

    def _hold(self, *stored: Iterable[SpokenMessage]) -> None:
        for messages in stored:
            self._held.update(message.id for message in messages)


async def record(
    client: AsyncLetta, agent_id: str, conversation_id: str, messages: Sequence[SpokenMessage]
) -> bool:
    """Store words to which no reply is wanted, in order; False when they could not be put into the
    conversation itself.

    Letta has no public request for it. Our own server has one (dev/letta). Any other stores the
    words as messages of the agent: its search finds them, the conversation does not have them.
    """
    body = {"messages": [{"role": message.role, "content": message.text} for message in messages]}
    try:
        await client.post(
            f"/v1/conversations/{conversation_id}/messages/record", cast_to=object, body=body
        )
    except letta_client.APIStatusError as error:
        if error.status_code not in CANNOT_RECORD:
            raise
    else:
        return True
    for user_texts, reply in _exchanges(messages):
        await client.post(
            f"/v1/agents/{agent_id}/messages/capture",
            cast_to=object,
            body={
                "provider": "voice",
                "model": "voice",
                "request_messages": [{"role": "user", "content": text} for text in user_texts],
                "response_dict": {"content": reply},
            },
        )
    return False


def _exchanges(messages: Sequence[SpokenMessage]) -> list[tuple[list[str], str]]:
    """User turns with what was heard in reply; turns without a reply are joined to the next one."""
    exchanges: list[tuple[list[str], str]] = []
    user_texts: list[str] = []
    for message in messages:
        if message.role == "user":
            user_texts.append(message.text)
        elif user_texts:
            exchanges.append((user_texts, message.text))
            user_texts = []
    return exchanges
