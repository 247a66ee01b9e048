"""What a call, the page and the tools need of Letta, whichever Letta it is, and nothing else.

Nothing of a client library or of a wire protocol is known above this. Every method raises
LettaError (errors.py) that says in words what failed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["user", "assistant"]


class Message(Protocol):
    """What one side said."""

    @property
    def role(self) -> Role: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class StoredMessage:
    """A Message that Letta has."""

    role: Role
    text: str


@dataclass(frozen=True)
class Agent:
    """`created_at` is in ISO 8601."""

    id: str
    name: str
    model: str | None = None
    description: str | None = None
    created_at: str | None = None


@dataclass(frozen=True)
class Block:
    """A part of an agent's memory that is always before it; `limit` is in characters."""

    id: str
    label: str
    value: str
    limit: int | None = None
    description: str | None = None


@dataclass(frozen=True)
class Version:
    """A change of a block; `at` in ISO 8601, `why` as it was given."""

    id: str
    at: str
    why: str


@dataclass(frozen=True)
class Conversation:
    id: str
    label: str


# The parts of a turn, in the order in which they come.


@dataclass(frozen=True)
class Words:
    """A piece of the reply."""

    text: str


@dataclass(frozen=True)
class Reasoning:
    """A piece of what the model thinks before it replies."""

    text: str


@dataclass(frozen=True)
class ToolCall:
    """A piece of a call: of what comes without an `id`, the last one's. `arguments` are JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Approval:
    """A tool that is not called before somebody allows it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolReturn:
    id: str
    name: str
    status: str
    text: str


@dataclass(frozen=True)
class MemoryChange:
    """What a tool's call `id` has made of a block; only of a backend that `keeps_history`."""

    id: str
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Usage:
    """Tokens and steps, by Letta's names for them."""

    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Stopped:
    """Why the turn is over: one of errors.STOP_REASONS."""

    reason: str


@dataclass(frozen=True)
class Alive:
    """Letta is there, and does not say what it does."""


Part = Words | Reasoning | ToolCall | Approval | ToolReturn | MemoryChange | Usage | Stopped | Alive


class Backend(Protocol):
    """One Letta server. `base_url` is its address as people know it; with `keeps_history` it knows
    how an agent's memory came to be."""

    base_url: str
    keeps_history: bool

    async def aclose(self) -> None:
        """End what is open to the server; other methods are not to be called after it."""

    async def is_there(self, within_s: float) -> bool:
        """Whether it answers, whatever it answers; asked once."""

    # Agents and what they remember.

    async def agents(self, limit: int) -> list[Agent]:
        """In the server's own order, at most so many."""

    async def agent(self, agent_id: str) -> Agent: ...
    async def create_agent(
        self, name: str, blocks: Mapping[str, str], model: str | None = None
    ) -> Agent:
        """`blocks`: values by label. Without a model it thinks with that of the first agent."""

    async def change_model(self, agent_id: str, handle: str) -> Agent:
        """From its next turn on."""

    async def models(self) -> list[str]:
        """The handles of the language models that agents can think with."""

    async def blocks(self, agent_id: str) -> list[Block]: ...
    async def write_block(self, agent_id: str, label: str, value: str, why: str) -> None:
        """`why` stands in the history, where there is one."""

    async def versions(self, agent_id: str, label: str, limit: int) -> list[Version]:
        """What became of a block, the newest first; empty where no history is kept."""

    async def version(self, agent_id: str, label: str, version_id: str) -> str:
        """The block's value as it was then."""

    # A room's conversation. A label is what it is found by.

    async def create_conversation(self, agent_id: str, label: str) -> str:
        """The id of a new one."""

    async def conversations(self, agent_id: str, label: str) -> list[Conversation]:
        """Those whose label begins with `label`, the newest first."""

    async def label(self, conversation_id: str, label: str) -> None: ...
    async def mark(self, conversation_id: str, label: str) -> str:
        """A place to go back to: the conversation as it is, without the turn that goes on.

        A server that cannot fork at a message keeps a copy with `label` for it."""

    async def go_back(self, mark: str) -> str:
        """The id of a conversation that is as it was at the mark; the mark is used up."""

    async def forget(self, mark: str) -> None:
        """Nobody will go back to it."""

    async def tidy_up(self) -> None:
        """Close what could not be closed before."""

    async def close(self, conversation_id: str) -> None:
        """Delete it, or put it away for good; nothing happens when it is gone already."""

    async def refresh(self, conversation_id: str) -> None:
        """Have the next turn see the agent's memory as it is now."""

    async def messages(self, conversation_id: str, newest: int) -> list[StoredMessage]:
        """What was said and heard, as far as it is stored, the newest first; at most so many
        messages are looked at."""

    async def record(
        self, agent_id: str, conversation_id: str, messages: Sequence[Message]
    ) -> bool:
        """Store words to which no reply is wanted, in order; False when they could not be put
        into the conversation itself."""

    # A turn.

    def run(self, conversation_id: str, messages: Sequence[Message]) -> AsyncIterator[Part]:
        """Have the last message answered; it ends when Letta says that the turn is over.

        The request is sent once, whatever happens to it.
        """

    async def cancel(self, conversation_id: str, within_s: float) -> None:
        """Stop the turn that goes on, if one does; its parts still end by themselves."""
