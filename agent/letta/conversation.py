"""The Letta conversation of a room, kept exact by going back.

Letta's messages cannot be changed, and a run that ends stores all it wrote, heard or not. So there
is always a way back to the conversation as it was before the last turn (the checkpoint). When that
turn's reply was not heard in full, the conversation of the checkpoint becomes the room's, the other
one is closed with what it stored, and the words that were really said go in front of the next turn.
What a checkpoint costs, if anything, is paid while the agent speaks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from agent.letta.checkpoints import Checkpoint, Checkpoints, failed
from agent.letta.memory import SpokenMessage, answers, heard_in_full, missing
from agent.letta.run import LettaRun
from common.letta.backend import Backend
from common.letta.errors import LettaError

logger = logging.getLogger("agent.letta")

CLOSING_TIMEOUT = 3.0  # seconds Letta has to take the last words of a call
UNDONE = "undone: nobody has said the turn that wrote it"
NEWEST = 20  # messages looked at to find out what Letta stored


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
        backend: Backend,
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
        self._backend = backend
        self._agent_id = agent_id
        self._label = f"voice room {room}"
        self._checkpoints = Checkpoints(backend, f"{self._label} (checkpoint)")
        self._first_token_timeout = first_token_timeout
        self._moved = moved
        self._degraded = degraded
        self._held: set[str] = set()  # message ids the checkpoint holds: all but the last turn
        self._turn: LettaTurn | None = None
        self._checkpoint: Checkpoint | None = None
        self._next_checkpoint: Checkpoint | None = None
        self._settling = asyncio.Lock()
        self._closed = False

    async def open(self) -> None:
        """Find the room's conversation, so that a later job goes on with it, or make one.

        A room nearly always is new, so one is made while the other is looked for.
        """
        creating = self._backend.create_conversation(self._agent_id, self._label)
        listing = self._backend.conversations(self._agent_id, self._label)
        listed, created_id = await asyncio.gather(listing, creating)  # the newest first
        older = [each.id for each in listed if each.label == self._label and each.id != created_id]
        self._left_behind = [each.id for each in listed if each.label == self._checkpoints.label]
        if older:
            self.id = older[0]
            self._checkpoints.later(self._checkpoints.close(created_id))
            # The agent's memory may have changed since the prompt was compiled.
            await self._backend.refresh(self.id)
        else:
            self.id = self._created_id = created_id
        self._labelled_id = self.id
        self._checkpoint = self._checkpoints.make(self.id)

    async def send(self, messages: Sequence[SpokenMessage]) -> LettaTurn:
        """Start a run for the last user turn, and for what Letta missed before it."""
        await self.settle(messages)
        # All of it is there when Letta stored a turn and went away before its reply.
        unsent = missing(messages, self._held) or [messages[-1]]
        run = LettaRun(self._backend, self.id, unsent, self._first_token_timeout)
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
                self._checkpoints.later(self._label_it())
            await self._settle(messages)
            if self._checkpoint is None or failed(self._checkpoint):
                # A fork of a conversation with a run shows the state before the run, if it is
                # asked for before the run ends: the next turn need not wait for this.
                self._checkpoint = self._checkpoints.make(self.id)
                await asyncio.sleep(0)

    def replied(self, turn: LettaTurn) -> None:
        """The reply is written: make the next checkpoint while it is spoken."""
        if turn is self._turn and turn.run.outcome.complete:
            self._next_checkpoint = self._checkpoints.make(self.id)

    def stop(self, turn: LettaTurn) -> None:
        """The caller interrupted the turn, or it is given up."""
        self._checkpoints.later(turn.run.cancel())

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
        await self._checkpoints.aclose()

    async def _close(self, messages: Sequence[SpokenMessage]) -> None:
        async with self._settling:
            self._closed = True
            await self._settle(messages)
        self._checkpoints.discard(self._checkpoint)
        self._checkpoint = None
        if self._labelled_id != self.id:
            await self._label_it()
        if last_words := missing(messages, self._held):
            exact = await self._backend.record(self._agent_id, self.id, last_words)
            self._hold(last_words)
            if not exact:
                self._degraded(
                    "memory",
                    "this Letta server cannot store words without a reply",
                    "the last words of the call are not in the conversation",
                )
        if not messages and self.id == self._created_id:  # nobody said a word: nothing to keep
            await self._checkpoints.close(self.id)
        await self._checkpoints.settled()
        # Not all that there are now: the next call of this room may have begun.
        for conversation_id in self._left_behind:
            await self._checkpoints.close(conversation_id)

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
        self,
        messages: Sequence[SpokenMessage],
        turn: LettaTurn,
        checkpoint_after: Checkpoint | None,
    ) -> None:
        heard = answers(messages, turn.user_id)
        if turn.run.outcome.complete and heard is not None and heard_in_full(turn.reply, heard):
            self._hold(turn.sent, heard)
            self._checkpoints.discard(self._checkpoint)
            self._checkpoint = checkpoint_after
            return
        before = await self._checkpoint if self._checkpoint else None
        goes_back_to = await self._backend.go_back(before) if before is not None else None
        self._checkpoint = None
        self._checkpoints.discard(checkpoint_after)
        if goes_back_to is None:
            await self._keep_what_is_stored(turn, heard or [])
            return
        dropped_id, self.id = self.id, goes_back_to
        self._checkpoints.drop(dropped_id)
        self._checkpoints.later(self._replace(dropped_id, turn))
        self._moved(self.id)
        if heard is None:  # nobody has said this: it was a guess at the end of a turn
            await self._undo(turn)
        if turn.run.outcome.acted:
            await self._recompile()

    async def _undo(self, turn: LettaTurn) -> None:
        """Take back what the turn has written into the memory, if nobody wrote there since."""
        if not turn.run.outcome.changes:
            return
        blocks = {block.label: block for block in await self._backend.blocks(self._agent_id)}
        for change in reversed(turn.run.outcome.changes):
            if blocks[change.label].value == change.after:
                await self._backend.write_block(self._agent_id, change.label, change.before, UNDONE)
                blocks[change.label] = replace(blocks[change.label], value=change.before)
            else:
                self._degraded(
                    "memory",
                    f"the block {change.label} was changed by somebody else meanwhile",
                    "what a turn that nobody said has written there stays",
                )

    async def _recompile(self) -> None:
        """The turn that is forgotten has changed the memory, of which the prompt knows nothing."""
        try:
            await self._backend.refresh(self.id)
        except LettaError as error:
            logger.warning("the prompt of %s still shows an older memory: %s", self.id, error)

    async def _replace(self, dropped_id: str, turn: LettaTurn) -> None:
        """What the run still stores goes with its conversation."""
        await self._label_it()
        await turn.run.cancel()
        await self._checkpoints.close(dropped_id)

    async def _label_it(self) -> None:
        """The room's conversation is found by its label, which a checkpoint does not have."""
        conversation_id = self.id
        await self._backend.label(conversation_id, self._label)
        self._labelled_id = conversation_id

    async def _keep_what_is_stored(self, turn: LettaTurn, heard: Sequence[SpokenMessage]) -> None:
        """There is nothing to go back to: learn what Letta made of the turn."""
        await turn.run.cancel()
        stored = await self._backend.messages(self.id, NEWEST)
        if any((each.role, each.text) == ("user", turn.sent[-1].text) for each in stored):
            self._hold(turn.sent, heard)
            self._degraded(
                "memory",
                "Letta could not fork the conversation",
                "Letta remembers more of the interrupted reply than was heard",
            )

    def _hold(self, *stored: Iterable[SpokenMessage]) -> None:
        for messages in stored:
            self._held.update(message.id for message in messages)
