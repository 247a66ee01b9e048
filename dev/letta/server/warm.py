"""One turn with nobody, right after the start, so that the first caller need not wait for what only
a first turn does: compiling a hundred statements, importing what Letta imports late (0.6 s).

It takes the whole way through our own port, with an agent that is gone afterwards and a model that
is the route below.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import json

import httpx
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from letta.schemas.agent import CreateAgent
from letta.schemas.enums import AgentType
from letta.schemas.llm_config import LLMConfig

from dev.letta.server.first_agent import TOOLS

PATH = "/voice-warm-up"
NAME = "voice-warm-up"
TIMEOUT_S = 30.0
router = APIRouter(prefix=PATH, include_in_schema=False)


@router.post("/chat/completions")
async def reply():
    """A streamed completion in OpenAI's form."""
    chunk = {"id": NAME, "object": "chat.completion.chunk", "created": 0, "model": NAME}
    deltas = ({"role": "assistant", "content": ""}, {"content": "Hello. "}, {"content": "Warm."})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    def lines():
        for choice in choices:
            yield f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"
        yield f"data: {json.dumps({**chunk, 'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def up(server, port):
    """Take the turn; leaves nothing behind, nor what an earlier one that was killed has left."""
    actor = server.default_user
    base = f"http://127.0.0.1:{port}"
    for old in await server.agent_manager.list_agents_async(
        actor=actor, name=NAME, show_hidden_agents=True
    ):
        await server.agent_manager.delete_agent_async(old.id, actor=actor)
    agent = await server.create_agent_async(
        CreateAgent(
            name=NAME,
            hidden=True,
            agent_type=AgentType.letta_v1_agent,
            memory_blocks=[],  # blocks outlive their agent
            include_base_tools=False,
            tools=TOOLS,
            llm_config=LLMConfig(
                model=NAME,
                model_endpoint_type="openai",
                model_endpoint=f"{base}{PATH}",
                context_window=8000,
            ),
        ),
        actor=actor,
    )
    try:
        async with httpx.AsyncClient(base_url=f"{base}/v1", timeout=TIMEOUT_S) as client:
            await _turn(client, agent.id)
    finally:
        await server.agent_manager.delete_agent_async(agent.id, actor=actor)


async def _turn(client, agent_id):
    made = await client.post("/conversations/", params={"agent_id": agent_id}, json={})
    base = made.raise_for_status().json()["id"]
    fork = (await client.post(f"/conversations/{base}/fork")).raise_for_status().json()["id"]
    for words in ("Hello?", "Is anybody there?"):
        said = {"messages": [{"role": "user", "content": words}], "stream_tokens": True}
        answer = await client.post(f"/conversations/{fork}/messages", json=said)
        answer.raise_for_status()
    (await client.get(f"/conversations/{fork}/messages")).raise_for_status()
    (await client.get(f"/agents/{agent_id}")).raise_for_status()
    (await client.delete(f"/conversations/{base}")).raise_for_status()
