"""A call with Letta (call.py) as the llm of a LiveKit session: two thin adapters.

Private names of livekit-agents here: `LLMStream._event_ch`, into which a plugin's stream writes
its chunks (as all of LiveKit's own plugins do), and `LLMStream._run`, which each plugin overrides.
tests/fast/agent/test_upstream_names.py fails when they are gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from livekit.agents import APIConnectOptions, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agent.letta.call import LettaCall
from agent.letta.memory import SpokenMessage


class LettaLLM(llm.LLM[Any]):
    """The Letta agent of one call."""

    def __init__(self, call: LettaCall) -> None:
        super().__init__()
        self._call = call

    @property
    def model(self) -> str:
        return self._call.agent_name or self._call.agent_id or "unknown"

    @property
    def provider(self) -> str:
        return "letta"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return LettaStream(
            self, self._call, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options
        )


class LettaStream(llm.LLMStream):
    """The reply to the last user turn of a chat context; only Letta's words are chunks."""

    def __init__(
        self,
        letta: LettaLLM,
        call: LettaCall,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(letta, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._call = call
        self._chunk_id = utils.shortuuid("letta_")

    async def _run(self) -> None:
        await self._call.reply(spoken_messages(self.chat_ctx.items), self._speak)

    def _speak(self, text: str) -> None:
        self._event_ch.send_nowait(
            llm.ChatChunk(id=self._chunk_id, delta=llm.ChoiceDelta(role="assistant", content=text))
        )


def spoken_messages(items: Iterable[llm.ChatItem]) -> list[SpokenMessage]:
    """The words of both sides, out of LiveKit's history."""
    messages = []
    for item in items:
        if isinstance(item, llm.ChatMessage) and (text := (item.text_content or "").strip()):
            if item.role == "user":
                messages.append(SpokenMessage(item.id, "user", text))
            elif item.role == "assistant":
                messages.append(SpokenMessage(item.id, "assistant", text, item.interrupted))
    return messages
