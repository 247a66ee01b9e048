"""One run of Letta: a request, the stream of its answer, and its end.

A run goes on when its stream is dropped, so the stream is read by a task of its own until Letta
says that the run is over, also after a cancel. Assistant text becomes speech; all else that a run
streams becomes events (ThinkEvents).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field

from agent.events import Events
from agent.letta.excuses import first_token_timeout, said_nothing
from agent.letta.memory import SpokenMessage
from common.letta import errors
from common.letta.backend import (
    Alive,
    Approval,
    Backend,
    MemoryChange,
    Part,
    Reasoning,
    Stopped,
    ToolCall,
    ToolReturn,
    Usage,
    Words,
)
from common.letta.errors import CANCELLED, COMPLETE, LettaError

logger = logging.getLogger("agent.letta")

LONGEST_PAUSE = 60.0  # seconds between two parts of a reply, tool calls included
CANCEL_TIMEOUT = 5.0
ENDING_TIMEOUT = 30.0  # seconds a cancelled run may go on: until its model's first token


@dataclass
class RunOutcome:
    """How a run ended. `complete`: Letta stored the request and the whole reply; `acted`: it called
    a tool, which a cancel does not undo; `changes`: what came of that in the memory, if told."""

    stop_reason: str | None = None
    acted: bool = False
    changes: list[MemoryChange] = field(default_factory=list)
    error: LettaError | None = None

    @property
    def complete(self) -> bool:
        return self.error is None and self.stop_reason in COMPLETE


class LettaRun:
    """A request to a conversation; iterate over it for the parts of the answer."""

    def __init__(
        self,
        backend: Backend,
        conversation_id: str,
        messages: Sequence[SpokenMessage],
        first_token_timeout: float,
    ) -> None:
        self.conversation_id = conversation_id
        self.outcome = RunOutcome()
        self._backend = backend
        self._messages = messages
        self._first_token_timeout = first_token_timeout
        self._parts: asyncio.Queue[Part | None] = asyncio.Queue()
        self._cancelled = False
        self._reader = asyncio.create_task(self._read(), name="read letta's stream")

    @property
    def over(self) -> bool:
        return self._reader.done()

    async def __aiter__(self) -> AsyncIterator[Part]:
        """The parts, until the run is over. Raises LettaError when it failed or is too slow."""
        clock = asyncio.get_running_loop().time
        timeout = self._first_token_timeout
        deadline = clock() + timeout
        while True:
            try:
                part = await asyncio.wait_for(self._parts.get(), deadline - clock())
            except TimeoutError:
                self.outcome.error = first_token_timeout(timeout)
                raise self.outcome.error from None
            if part is None:
                break
            if not isinstance(part, Alive):  # it says that Letta lives, not that it writes
                # A tool may take its time; a model that has begun to write does not stop for long.
                writes = isinstance(part, Words)
                timeout = self._first_token_timeout if writes else LONGEST_PAUSE
                deadline = clock() + timeout
            yield part
        if self.outcome.error is not None:
            raise self.outcome.error

    async def cancel(self) -> None:
        """Stop the run and wait until Letta says that it is over; never raises."""
        self._cancelled = True
        if not self.over:
            try:
                await self._backend.cancel(self.conversation_id, CANCEL_TIMEOUT)
            except LettaError as error:
                logger.warning("the run could not be cancelled: %s", error)
            await asyncio.wait({self._reader}, timeout=ENDING_TIMEOUT)
        if not self.over:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        try:
            wrote, unanswered = False, dict[str, str]()
            async for part in self._backend.run(self.conversation_id, self._messages):
                if isinstance(part, Stopped):
                    self.outcome.stop_reason = part.reason
                elif isinstance(part, MemoryChange):
                    self.outcome.changes.append(part)
                elif isinstance(part, Approval):
                    unanswered[part.id] = part.name
                wrote = wrote or (isinstance(part, Words) and bool(part.text))
                self.outcome.acted = self.outcome.acted or isinstance(part, ToolCall)
                self._parts.put_nowait(part)
            if self.outcome.stop_reason not in (*COMPLETE, CANCELLED):
                raise errors.stopped_early(self.outcome.stop_reason, tuple(unanswered.values()))
            if not wrote and self.outcome.stop_reason != CANCELLED:
                raise said_nothing(self.outcome.acted)
        except Exception as error:  # every failure is told to the reader of the parts
            if not isinstance(error, LettaError):
                error = errors.unknown(self._backend.base_url, error)
            self.outcome.error = error
            if not self._cancelled:
                logger.debug("a run failed", exc_info=error)
        finally:
            self._parts.put_nowait(None)


class ThinkEvents:
    """Turns what Letta streams besides speech into events; joins what arrives in pieces.

    A tool call is told as soon as its arguments are whole: the tool may never return.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._reasoning = ""
        self._open_calls: dict[str, dict[str, str]] = {}  # by id
        self._emitted_ids: set[str] = set()
        self._last_id = ""

    def take(self, part: Part) -> None:
        if isinstance(part, Reasoning):
            self._reasoning += part.text
            return
        if isinstance(part, ToolCall | Approval):
            self._add_call(part)
            return
        if isinstance(part, Alive):
            return
        self.flush()
        if isinstance(part, ToolReturn):
            self._events.emit(
                "think",
                "tool_return",
                id=part.id,
                name=part.name,
                status=part.status,
                text=part.text,
            )
        elif isinstance(part, MemoryChange):
            self._events.emit("think", "memory", **asdict(part))
        elif isinstance(part, Usage):
            self._events.emit("think", "usage", **part.counts)

    def flush(self) -> None:
        """Tell what was collected: the reasoning and the tool calls of a step."""
        if self._reasoning:
            self._events.emit("think", "reasoning", text=self._reasoning)
            self._reasoning = ""
        for call_id, call in self._open_calls.items():
            self._emitted_ids.add(call_id)
            self._events.emit("think", "tool_call", id=call_id, **call)
        self._open_calls = {}

    def _add_call(self, piece: ToolCall | Approval) -> None:
        """Names and arguments come in pieces; a piece without an id belongs to the last call."""
        if self._reasoning:
            self.flush()
        self._last_id = piece.id or self._last_id
        if self._last_id in self._emitted_ids:
            return
        call = self._open_calls.setdefault(self._last_id, {"name": "", "arguments": ""})
        call["name"] += piece.name
        call["arguments"] += piece.arguments
        if _is_whole(call["arguments"]):
            self.flush()


def _is_whole(arguments: str) -> bool:
    """Whether nothing is missing of the arguments, which are a JSON object."""
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True
