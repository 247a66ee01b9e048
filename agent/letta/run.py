"""One run of Letta: a request, the stream of its answer, and its end.

A run goes on when its stream is dropped, so the stream is read by a task of its own until Letta
says that the run is over, also after a cancel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import letta_client
from letta_client import AsyncLetta
from letta_client.types.agents import AssistantMessage, LettaStreamingResponse, ToolCallMessage
from letta_client.types.agents.letta_streaming_response import LettaPing, LettaStopReason

from agent.letta.errors import (
    Trouble,
    explain,
    first_token_timeout,
    said_nothing,
    stopped_early,
)
from agent.letta.memory import Said

logger = logging.getLogger("agent.letta")

COMPLETE = ("end_turn", "max_steps", "tool_rule", "no_tool_call", "max_tokens_exceeded")
CANCELLED = "cancelled"
LONGEST_PAUSE = 60.0  # seconds between two parts of a reply, tool calls included
CANCEL_TIMEOUT = 5.0
ENDING_TIMEOUT = 30.0  # seconds a cancelled run may go on: until its model's first token


@dataclass
class Outcome:
    """How a run ended. `complete`: Letta stored the request and the whole reply; `acted`: it called
    a tool, which a cancel does not undo."""

    stop_reason: str | None = None
    acted: bool = False
    trouble: Trouble | None = None

    @property
    def complete(self) -> bool:
        return self.trouble is None and self.stop_reason in COMPLETE


class Run:
    """A request to a conversation; iterate over it for the events of the answer.

    `client` must not repeat requests: a repeated one would be a second run.
    """

    def __init__(
        self,
        client: AsyncLetta,
        conversation_id: str,
        messages: Sequence[Said],
        first_token_timeout: float,
    ) -> None:
        self.conversation_id = conversation_id
        self.outcome = Outcome()
        self._client = client
        self._messages: list[Any] = [{"role": one.role, "content": one.text} for one in messages]
        self._first_token_timeout = first_token_timeout
        self._parts: asyncio.Queue[LettaStreamingResponse | None] = asyncio.Queue()
        self._cancelled = False
        self._reader = asyncio.create_task(self._read(), name="read letta's stream")

    @property
    def over(self) -> bool:
        return self._reader.done()

    async def __aiter__(self) -> AsyncIterator[LettaStreamingResponse]:
        """The events, until the run is over. Raises Trouble when it failed or is too slow."""
        clock = asyncio.get_running_loop().time
        patience = self._first_token_timeout
        deadline = clock() + patience
        while True:
            try:
                part = await asyncio.wait_for(self._parts.get(), deadline - clock())
            except TimeoutError:
                self.outcome.trouble = first_token_timeout(patience)
                raise self.outcome.trouble from None
            if part is None:
                break
            if not isinstance(part, LettaPing):  # a ping says that Letta lives, not that it writes
                # A tool may take its time; a model that has begun to write does not stop for long.
                writes = isinstance(part, AssistantMessage)
                patience = self._first_token_timeout if writes else LONGEST_PAUSE
                deadline = clock() + patience
            yield part
        if self.outcome.trouble is not None:
            raise self.outcome.trouble

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
        except Exception as error:  # every failure is told to the one who iterates
            self.outcome.trouble = explain(error, str(self._client.base_url))
            if not self._cancelled:
                logger.debug("a run failed", exc_info=error)
        finally:
            self._parts.put_nowait(None)
