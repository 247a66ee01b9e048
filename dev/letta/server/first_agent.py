"""The first agent, made once, so that somebody is there to talk to after the first start."""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import logging
from pathlib import Path

from letta.schemas.agent import CreateAgent
from letta.schemas.block import CreateBlock
from letta.schemas.enums import AgentType

from dev.letta.server import schema
from dev.letta.server.models import EMBEDDING

log = logging.getLogger("letta")

NAME = "Ada"
REMEMBERED = "first_agent"
CONTEXT_TOKENS = 32_000
TOOLS = ["memory_insert", "memory_replace", "conversation_search"]
DESCRIPTION = "A friendly voice that remembers you from call to call."
PERSONA = """\
My name is Ada. I am friendly, curious and to the point.
I talk with people over the phone or a microphone: what I write is spoken aloud.
I answer in one to three short sentences of plain words, as one speaks: no lists, no markdown, no \
emoji, no links, and numbers as words where that sounds better.
I ask back when I have not understood."""
HUMAN = "I know nothing about this person yet."
SYSTEM = """\
You are an agent with a lasting memory, in a spoken conversation. What the user says reaches you \
as text from speech recognition and may contain mistakes: go by the sound of it, and ask when in \
doubt. Everything you write is read aloud, so write only what is to be heard.

Your memory is the memory blocks below. They are always before you, and they stay when a \
conversation ends. When the user tells you something worth knowing next time (their name, what \
they like, what they plan, how they want to be spoken to), store it at once with memory_insert in \
the block human, in one short line, and correct what has changed with memory_replace. Earlier \
conversations can be searched with conversation_search. Do not speak of these tools: use them, and \
then answer."""


async def make_once(server, handle, file):
    """Make the agent, unless that was done before (a user may have deleted it since), and write its
    id to `file`."""
    agent_id = await schema.recall(REMEMBERED)
    if agent_id is None:
        agent_id = await _oldest(server) or await _make(server, handle)
        await schema.remember(REMEMBERED, agent_id)
    path = Path(file)
    if not path.exists() or path.read_text().strip() != agent_id:
        aside = path.with_name(f"{path.name}.new")
        aside.write_text(f"{agent_id}\n")
        aside.replace(path)


async def _oldest(server):
    """An agent that is there although none is remembered: we were killed between the two."""
    agents = await server.agent_manager.list_agents_async(
        actor=server.default_user, limit=1, ascending=True
    )
    return agents[0].id if agents else None


async def _make(server, handle):
    agent = await server.create_agent_async(
        CreateAgent(
            name=NAME,
            description=DESCRIPTION,
            agent_type=AgentType.letta_v1_agent,
            system=SYSTEM,
            memory_blocks=[
                CreateBlock(label="human", value=HUMAN),
                CreateBlock(label="persona", value=PERSONA),
            ],
            include_base_tools=False,
            tools=TOOLS,
            model=handle,
            embedding=EMBEDDING,
            context_window_limit=CONTEXT_TOKENS,
        ),
        actor=server.default_user,
    )
    log.info("made the first agent, %s (%s), thinking with %s", NAME, agent.id, handle)
    return agent.id
