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

from agent.letta import closing
from agent.letta.forks import Fork, Forks, failed
from agent.letta.memory import Said, answers, heard_in_full, missing
from agent.letta.run import Run

logger = logging.getLogger("agent.letta")

CLOSING_TIMEOUT = 3.0  # seconds Letta has to take the last words of a call
NEWEST = 20  # messages looked at to find out what Letta stored
LISTED = 100  # conversations among which the room's is looked for


@dataclass
class Turn:
    """The last request: what it carried, the run that answers it, and the reply so far."""

    sent: list[Said]
    run: Run
    reply: str = ""

    @property
    def user_id(self) -> str:
        return self.sent[-1].id


class Conversation:
    """One room's conversation with one Letta agent.

    `moved(conversation_id)` is called when a checkpoint has become the room's conversation,
    `degraded(what, error, consequence)` when memory cannot be exact.
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
        self._named = ""  # which conversation has the room's label
        self._made = ""  # the conversation that this call has made
        self._left_behind: list[str] = []  # checkpoints of a job that was killed
        self._client = client
        self._once = client.with_options(max_retries=0)
        self._agent_id = agent_id
        self._label = f"voice room {room}"
        self._forks = Forks(client, f"{self._label} (checkpoint)")
        self._first_token_timeout = first_token_timeout
        self._moved = moved
        self._degraded = degraded
        self._held: set[str] = set()  # what the checkpoint holds: all but the last turn
        self._turn: Turn | None = None
        self._checkpoint: Fork | None = None
        self._next_checkpoint: Fork | None = None
        self._settling = asyncio.Lock()
        self._closed = False

    async def open(self) -> None:
        """Find the room's conversation, so that a later job goes on with it, or make one.

        A room nearly always is new, so one is made while the other is looked for.
        """
        making = self._client.conversations.create(agent_id=self._agent_id, summary=self._label)
        looking = self._client.conversations.list(
            agent_id=self._agent_id, summary_search=self._label, limit=LISTED
        )
        found, made = await asyncio.gather(looking, making)  # newest first
        older = [one.id for one in found if one.summary == self._label and one.id != made.id]
        self._left_behind = [one.id for one in found if one.summary == self._forks.label]
        if older:
            self.id = older[0]
            self._forks.later(self._forks.delete(made.id))
            # The agent's memory may have changed since the prompt was compiled.
            await self._client.conversations.recompile(self.id)
        else:
            self.id = self._made = made.id
        self._named = self.id
        self._checkpoint = self._forks.make(self.id)

    async def send(self, talk: Sequence[Said]) -> Turn:
        """Start a run for the last user turn of `talk`, and for what Letta missed before it."""
        await self.settle(talk)
        # All of it is there when Letta stored a turn and went away before its reply.
        words = missing(talk, self._held) or [talk[-1]]
        self._turn = Turn(words, Run(self._once, self.id, words, self._first_token_timeout))
        return self._turn

    async def settle(self, talk: Sequence[Said]) -> None:
        """The last turn is over: keep it if all of it was heard, else go back to before it.

        Done as soon as LiveKit knows what was heard, so that the next turn need not wait for it.
        """
        async with self._settling:
            if self._closed:
                return
            if self._named != self.id:  # Letta was away when it was to be told
                self._forks.later(self._name())
            await self._settle(talk)
            if self._checkpoint is None or failed(self._checkpoint):
                # A fork of a conversation with a run shows the state before the run, if it is
                # asked for before the run ends: the next turn need not wait for this.
                self._checkpoint = self._forks.make(self.id)
                await asyncio.sleep(0)

    def replied(self, turn: Turn) -> None:
        """The reply is written: make the next checkpoint while it is spoken."""
        if turn is self._turn and turn.run.outcome.complete:
            self._next_checkpoint = self._forks.make(self.id)

    def stop(self, turn: Turn) -> None:
        """The caller interrupted the turn, or it is given up."""
        self._forks.later(turn.run.cancel())

    async def aclose(self, talk: Sequence[Said]) -> None:
        """The call is over: leave exactly what was said, and none of the forks."""
        leaving = asyncio.create_task(self._leave(talk), name="end of the call for letta")
        await asyncio.wait({leaving}, timeout=CLOSING_TIMEOUT)
        if not leaving.done():
            logger.warning("Letta did not take the end of the call within %s s", CLOSING_TIMEOUT)
            leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        if not leaving.cancelled() and (error := leaving.exception()):
            logger.error("the end of the call could not be told to Letta", exc_info=error)
        await self._forks.aclose()

    async def _leave(self, talk: Sequence[Said]) -> None:
        async with self._settling:
            self._closed = True
            await self._settle(talk)
        self._forks.discard(self._checkpoint)
        self._checkpoint = None
        if self._named != self.id:
            await self._name()
        words = missing(talk, self._held)
        if words:
            exact = await closing.write(self._client, self._agent_id, self.id, words)
            self._held.update(one.id for one in words)
            if not exact:
                self._degraded(
                    "memory",
                    "this Letta server cannot store words without a reply",
                    "the last words of the call are not in the conversation",
                )
        if not talk and self.id == self._made:  # nobody said a word: nothing to go on with later
            await self._forks.delete(self.id)
        await self._forks.settled()
        # Not all that there are now: the next call of this room may have begun.
        for conversation_id in self._left_behind:
            await self._forks.delete(conversation_id)

    async def _settle(self, talk: Sequence[Said]) -> None:
        turn, after = self._turn, self._next_checkpoint
        if turn is None:
            return
        try:
            self._turn = self._next_checkpoint = None
            await self._keep_or_go_back(talk, turn, after)
        except Exception:  # Letta is away: it is done when that is over
            self._turn, self._next_checkpoint = turn, after
            raise

    async def _keep_or_go_back(self, talk: Sequence[Said], turn: Turn, after: Fork | None) -> None:
        heard = answers(talk, turn.user_id)
        if turn.run.outcome.complete and heard is not None and heard_in_full(turn.reply, heard):
            self._hold(turn.sent, heard)
            self._forks.discard(self._checkpoint)
            self._checkpoint = after
            return
        before = await self._checkpoint if self._checkpoint else None
        self._checkpoint = None
        self._forks.discard(after)
        if before is None:
            await self._keep_what_is_stored(turn, heard or [])
            return
        dropped, self.id = self.id, before
        self._forks.drop(dropped)
        self._forks.later(self._replace(dropped, turn))
        self._moved(self.id)
        if turn.run.outcome.acted:
            await self._see_memory()

    async def _see_memory(self) -> None:
        """The turn that is forgotten has changed the memory, of which the prompt knows nothing."""
        try:
            await self._client.conversations.recompile(self.id)
        except letta_client.APIError as error:
            logger.warning("the prompt of %s still shows an older memory: %s", self.id, error)

    async def _replace(self, dropped: str, turn: Turn) -> None:
        """What the run still stores goes with its conversation."""
        await self._name()
        await turn.run.cancel()
        await self._forks.delete(dropped)

    async def _name(self) -> None:
        """The room's conversation is found by its label, which a checkpoint does not have."""
        becoming = self.id
        await self._client.conversations.update(becoming, summary=self._label)
        self._named = becoming

    async def _keep_what_is_stored(self, turn: Turn, heard: Sequence[Said]) -> None:
        """There is nothing to go back to: learn what Letta made of the turn."""
        await turn.run.cancel()
        page = await self._client.conversations.messages.list(
            self.id, order="desc", limit=NEWEST, include_return_message_types=["user_message"]
        )
        stored = {str(getattr(one, "content", "")).strip() for one in page.items}
        if turn.sent[-1].text in stored:
            self._hold(turn.sent, heard)
            self._degraded(
                "memory",
                "Letta could not fork the conversation",
                "Letta remembers more of the interrupted reply than was heard",
            )

    def _hold(self, *talks: Iterable[Said]) -> None:
        for talk in talks:
            self._held.update(one.id for one in talk)
