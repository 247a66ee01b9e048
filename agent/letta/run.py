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
from dataclasses import dataclass
from typing import Any

import letta_client
from letta_client import AsyncLetta
from letta_client.types import ToolReturnMessage
from letta_client.types.agents import (
    AssistantMessage,
    LettaStreamingResponse,
    ReasoningMessage,
    ToolCallMessage,
)
from letta_client.types.agents.letta_streaming_response import (
    LettaPing,
    LettaStopReason,
    LettaUsageStatistics,
)

from agent.events import Events
from agent.letta.errors import (
    LettaCallError,
    explain,
    first_token_timeout,
    said_nothing,
    stopped_early,
)
from agent.letta.memory import SpokenMessage

logger = logging.getLogger("agent.letta")

COMPLETE = ("end_turn", "max_steps", "tool_rule", "no_tool_call", "max_tokens_exceeded")
CANCELLED = "cancelled"
LONGEST_PAUSE = 60.0  # seconds between two parts of a reply, tool calls included
CANCEL_TIMEOUT = 5.0
ENDING_TIMEOUT = 30.0  # seconds a cancelled run may go on: until its model's first token


@dataclass
class RunOutcome:
    """How a run ended. `complete`: Letta stored the request and the whole reply; `acted`: it called
    a tool, which a cancel does not undo."""

    stop_reason: str | None = None
    acted: bool = False
    error: LettaCallError | None = None

    @property
    def complete(self) -> bool:
        return self.error is None and self.stop_reason in COMPLETE


class LettaRun:
    """A request to a conversation; iterate over it for the parts of the answer.

    `client` must not repeat requests: a repeated one would be a second run.
    """

    def __init__(
        self,
        client: AsyncLetta,
        conversation_id: str,
        messages: Sequence[SpokenMessage],
        first_token_timeout: float,
    ) -> None:
        self.conversation_id = conversation_id
        self.outcome = RunOutcome()
        self._client = client
        self._messages: list[Any] = [
            {"role": message.role, "content": message.text} for message in messages
        ]
        self._first_token_timeout = first_token_timeout
        self._parts: asyncio.Queue[LettaStreamingResponse | None] = asyncio.Queue()
        self._cancelled = False
        self._reader = asyncio.create_task(self._read(), name="read letta's stream")

    @property
    def over(self) -> bool:
        return self._reader.done()

    async def __aiter__(self) -> AsyncIterator[LettaStreamingResponse]:
        """The parts, until the run is over. Raises LettaCallError when it failed or is too slow."""
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
            if not isinstance(part, LettaPing):  # a ping says that Letta lives, not that it writes
                # A tool may take its time; a model that has begun to write does not stop for long.
                writes = isinstance(part, AssistantMessage)
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
                await self._client.conversations.cancel(
                    self.conversation_id, timeout=CANCEL_TIMEOUT
                )
            except letta_client.ConflictError:
                pass  # nothing runs anymore
            except letta_client.APIError as error:
                logger.warning("the run could not be cancelled: %s", error)
            await asyncio.wait({self._reader}, timeout=ENDING_TIMEOUT)
        if not self.over:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        try:
            stream = await self._client.conversations.messages.create(
                self.conversation_id,
                messages=self._messages,
                streaming=True,
                stream_tokens=True,
                include_pings=True,
            )
            wrote = False
            async for part in stream:
                if isinstance(part, LettaStopReason):
                    self.outcome.stop_reason = part.stop_reason
                wrote = wrote or (isinstance(part, AssistantMessage) and bool(part.content))
                self.outcome.acted = self.outcome.acted or isinstance(part, ToolCallMessage)
                self._parts.put_nowait(part)
            if self.outcome.stop_reason not in (*COMPLETE, CANCELLED):
                raise stopped_early(self.outcome.stop_reason)
            if not wrote and self.outcome.stop_reason != CANCELLED:
                raise said_nothing(self.outcome.acted)
        except Exception as error:  # every failure is told to the reader of the parts
            self.outcome.error = explain(error, str(self._client.base_url))
            if not self._cancelled:
                logger.debug("a run failed", exc_info=error)
        finally:
            self._parts.put_nowait(None)


def assistant_text(part: LettaStreamingResponse) -> str:
    """The words of an assistant message (or of a part of one), else nothing."""
    if not isinstance(part, AssistantMessage):
        return ""
    if isinstance(part.content, str):
        return part.content
    return "".join(content.text for content in part.content)


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

    def take(self, part: LettaStreamingResponse) -> None:
        if isinstance(part, ReasoningMessage):
            self._reasoning += part.reasoning
            return
        if isinstance(part, ToolCallMessage):
            self._add_call(part.tool_call)
            return
        if isinstance(part, LettaPing):
            return
        self.flush()
        if isinstance(part, ToolReturnMessage):
            self._events.emit(
                "think",
                "tool_return",
                id=part.tool_call_id,
                name=part.name or "",
                status=part.status,
                text=part.tool_return,
            )
        elif isinstance(part, LettaUsageStatistics):
            usage = part.model_dump(exclude_none=True, exclude={"message_type", "run_ids"})
            self._events.emit("think", "usage", **usage)

    def flush(self) -> None:
        """Tell what was collected: the reasoning and the tool calls of a step."""
        if self._reasoning:
            self._events.emit("think", "reasoning", text=self._reasoning)
            self._reasoning = ""
        for call_id, call in self._open_calls.items():
            self._emitted_ids.add(call_id)
            self._events.emit("think", "tool_call", id=call_id, **call)
        self._open_calls = {}

    def _add_call(self, delta: Any) -> None:
        """Names and arguments come in pieces; a piece without an id belongs to the last call."""
        if self._reasoning:
            self.flush()
        self._last_id = delta.tool_call_id or self._last_id
        if self._last_id in self._emitted_ids:
            return
        call = self._open_calls.setdefault(self._last_id, {"name": "", "arguments": ""})
        call["name"] += delta.name or ""
        call["arguments"] += delta.arguments or ""
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
