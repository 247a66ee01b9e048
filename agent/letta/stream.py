"""One reply of Letta as LiveKit's stream of chunks: assistant text is speech, the rest events."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from letta_client.types import ToolReturnMessage
from letta_client.types.agents import (
    AssistantMessage,
    LettaStreamingResponse,
    ReasoningMessage,
    ToolCallMessage,
)
from letta_client.types.agents.letta_streaming_response import LettaPing, LettaUsageStatistics
from livekit.agents import APIConnectOptions, llm, utils

from agent.events import Events
from agent.letta.errors import CONVERSATION_GONE, SAID_NOTHING, Trouble
from agent.letta.memory import Said, said, until_user
from agent.turns import TurnRecord

if TYPE_CHECKING:
    from agent.letta.llm import LettaLLM

AGAIN = (CONVERSATION_GONE, SAID_NOTHING)  # after which the turn is asked once more, at once


class LettaStream(llm.LLMStream):
    """The reply to the last user turn of a chat context."""

    def __init__(
        self,
        letta: LettaLLM,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(letta, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._letta = letta
        self._chunk_id = utils.shortuuid("letta_")

    async def _run(self) -> None:
        talk = said(self._chat_ctx.items, self._letta.excuses)
        if self._letta.unanswered is not None:  # what was heard before Letta broke off is no answer
            talk = until_user(talk)
        if not talk or talk[-1].role != "user":
            return
        again = talk[-1].id == self._letta.unanswered
        with self._letta.answering():
            await self._reply(talk, self._letta.turns.request(talk[-1].text, again))

    async def _reply(self, talk: list[Said], record: TurnRecord) -> None:
        try:
            try:
                await self._answer(talk, record)
            except Trouble as trouble:
                if not trouble.retryable or trouble.code not in AGAIN or record.reply:
                    raise
                if trouble.code == CONVERSATION_GONE:
                    self._letta.forget_conversation()
                self._letta.turns.retried(record, trouble.message)
                await self._answer(talk, record)
        except Exception as error:  # the caller hears a sentence instead of nothing
            excuse = self._letta.excuse(self._letta.explain(error), record)
            if self._letta.is_waited_for:
                self._letta.unanswered = talk[-1].id
            self._say(f" {excuse}" if record.reply else excuse)

    async def _answer(self, talk: list[Said], record: TurnRecord) -> None:
        conversation = await self._letta.conversation()
        turn = await conversation.send(talk)
        parts = PartEvents(self._letta.events)
        try:
            async for part in turn.run:
                if text := assistant_text(part):
                    self._letta.turns.token(record, text)
                    turn.reply += text
                    self._say(text)
                parts.take(part)
        except (Trouble, asyncio.CancelledError):
            conversation.stop(turn)
            raise
        finally:
            parts.flush()
        conversation.replied(turn)
        self._letta.answered()
        self._letta.turns.replied(record, turn.run.outcome.stop_reason)

    def _say(self, text: str) -> None:
        self._event_ch.send_nowait(
            llm.ChatChunk(id=self._chunk_id, delta=llm.ChoiceDelta(role="assistant", content=text))
        )


def assistant_text(part: LettaStreamingResponse) -> str:
    """The words of an assistant message (or of a part of one), else nothing."""
    if not isinstance(part, AssistantMessage):
        return ""
    if isinstance(part.content, str):
        return part.content
    return "".join(one.text for one in part.content)


class PartEvents:
    """Turns what Letta streams besides speech into events; joins what arrives in pieces.

    A tool call is told as soon as its arguments are whole: the tool may never return.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._reasoning = ""
        self._calls: dict[str, dict[str, str]] = {}
        self._told: set[str] = set()
        self._last_call = ""

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
        for call_id, call in self._calls.items():
            self._told.add(call_id)
            self._events.emit("think", "tool_call", id=call_id, **call)
        self._calls = {}

    def _add_call(self, delta: Any) -> None:
        """Names and arguments come in pieces; a piece without an id belongs to the last call."""
        if self._reasoning:
            self.flush()
        self._last_call = delta.tool_call_id or self._last_call
        if self._last_call in self._told:
            return
        call = self._calls.setdefault(self._last_call, {"name": "", "arguments": ""})
        call["name"] += delta.name or ""
        call["arguments"] += delta.arguments or ""
        if is_whole(call["arguments"]):
            self.flush()


def is_whole(arguments: str) -> bool:
    """Whether nothing is missing of the arguments, which are a JSON object."""
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True
