"""A call with a replayed Letta, as a LiveKit session would drive it."""

from __future__ import annotations

import asyncio
from typing import Any

from letta_client import AsyncLetta
from livekit.agents import llm

from agent.letta.call import LettaCall
from agent.letta.llm import LettaLLM, spoken_messages
from agent.letta.memory import SpokenMessage
from agent.turns import Turns
from common.letta.v1 import V1
from tests.fast.agent.kept_events import collected
from tests.fast.agent.letta_replay import AGENT, Answer, ReplayedLetta

PLAIN = "I heard you say: hello there"  # the answer in histories/plain.sse


class Session:
    """The session as the call sees it: a history, and what it is asked to say or to answer."""

    def __init__(self) -> None:
        self.history = llm.ChatContext.empty()
        self.speaking = False
        self.sentences: asyncio.Queue[str] = asyncio.Queue()
        self.reply_wanted, self.looked_at = asyncio.Event(), asyncio.Event()

    @property
    def messages(self) -> list[SpokenMessage]:
        return spoken_messages(self.history.items)

    @property
    def caller_speaks(self) -> bool:
        self.looked_at.set()
        return self.speaking

    def say(self, sentence: str) -> None:
        if sentence:
            self.sentences.put_nowait(sentence)

    def generate_reply(self) -> None:
        self.reply_wanted.set()


class Call:
    """A history, and one chat for each turn."""

    def __init__(
        self, server: ReplayedLetta, agent_id: str | None = AGENT, outage_limit: float = 5.0
    ) -> None:
        self.server = server
        events, self.events = collected()
        self.session = Session()
        self.history = self.session.history
        self.client = AsyncLetta(base_url=server.url, api_key="k", timeout=5, max_retries=0)
        self.letta = LettaCall(
            agent_id,
            backend=V1(self.client),
            room="r",
            events=events,
            turns=Turns(events),
            session=self.session,
            first_token_timeout=2,
            outage_limit=outage_limit,
        )
        self.llm = LettaLLM(self.letta)

    async def turn(self, text: str, heard: str | None = None, committed: bool = True) -> str:
        """One turn to its end; `heard` is what was heard of it when it was interrupted."""
        user_turn = llm.ChatMessage(role="user", content=[text])
        context = self.history.copy()
        context.items.append(user_turn)
        if committed:
            self.history.items.append(user_turn)
        reply = (await self.llm.chat(chat_ctx=context).collect()).text
        self.spoken(reply, heard)
        return reply

    async def interrupted(self, text: str, heard: str) -> None:
        """A turn that is interrupted while Letta still writes."""
        gate = asyncio.Event()
        self.server.answers.append(Answer(gate=gate))
        self.server.started.clear()
        self.history.items.append(llm.ChatMessage(role="user", content=[text]))
        async with self.llm.chat(chat_ctx=self.history.copy()) as stream:
            await anext(aiter(stream))
            await self.server.started.wait()
        self.spoken("", heard)

    def spoken(self, reply: str, heard: str | None) -> None:
        text = reply if heard is None else heard
        if text:
            self.history.items.append(
                llm.ChatMessage(role="assistant", content=[text], interrupted=heard is not None)
            )

    async def hang_up(self) -> None:
        await self.letta.close()

    def emitted(self, stage: str, name: str) -> list[dict[str, Any]]:
        return [
            event["data"]
            for event in self.events
            if (event["stage"], event["name"]) == (stage, name)
        ]
