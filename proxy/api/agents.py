"""`/api/agents`: the Letta agents a call can be held with, a new one, and what one remembers."""

from __future__ import annotations

import re
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field

from proxy.api.endpoint import Answer, Endpoint, LettaId, Name, answered, read_json, validated
from proxy.clients.letta import Letta, model_of

BLOCK_MAX = 5000
DEFAULT_PERSONA = (
    "I am a voice assistant. I speak in short, plain sentences and remember what people tell me."
)
DEFAULT_HUMAN = "I do not know anything about this person yet."


def _takeable(name: str) -> str:
    """Letta answers other names with an internal error."""
    if not re.fullmatch(r"[\w '-]+", name):
        raise ValueError(
            "may have letters, digits, spaces, hyphens, underscores and apostrophes only"
        )
    return name


BlockText = Annotated[str, Field(max_length=BLOCK_MAX)]


class Agent(BaseModel):
    """A Letta agent, as far as the page shows it."""

    id: str
    name: str
    model: str | None
    description: str | None
    created_at: str | None


class AgentsAnswer(Answer):
    """Letta's agents in its own order: the first is the one a dispatch without agent_id gets."""

    agents: list[Agent]


class AgentAnswer(Answer):
    """One agent."""

    agent: Agent


class NewAgent(BaseModel):
    """An agent to create. Its memory begins with two blocks, `persona` and `human`."""

    name: Annotated[Name, AfterValidator(_takeable)]
    persona: BlockText = DEFAULT_PERSONA
    human: BlockText = DEFAULT_HUMAN
    model: Name | None = Field(default=None, description="Model handle; that of the first agent.")


class ChangedAgent(BaseModel):
    """What shall be different about an agent."""

    model: Name = Field(description="Model handle, one of `GET /api/models`.")


class Model(BaseModel):
    """A language model that an agent can think with."""

    handle: str
    is_script: bool = Field(description="It is the rehearsal partner, not a language model.")


class ModelsAnswer(Answer):
    """The language models that Letta offers, in its own order."""

    models: list[Model]


class AgentPath(BaseModel):
    """The agent in the path."""

    agent_id: LettaId


class Block(BaseModel):
    """A memory block."""

    id: str
    label: str
    value: str
    limit: int | None
    description: str | None


class MemoryAnswer(Answer):
    """What an agent remembers at any time."""

    blocks: list[Block]


class Agents:
    """Handlers of the routes about agents."""

    def __init__(self, letta: Letta, models_url: str) -> None:
        self._letta = letta
        self._models_url = models_url
        away = {502: "Letta refuses, or rejects the key.", 503: "Letta is away."}
        self.endpoints = [
            Endpoint(
                "GET", "/api/agents", self.list, "Letta's agents.", AgentsAnswer, failures=away
            ),
            Endpoint(
                "POST",
                "/api/agents",
                self.create,
                "Create a Letta agent.",
                AgentAnswer,
                body=NewAgent,
                status=201,
                failures={400: "A field is wrong, or Letta refuses it (LETTA_REFUSED).", **away},
            ),
            Endpoint(
                "PATCH",
                "/api/agents/{agent_id}",
                self.change,
                "Let an agent think with another model.",
                AgentAnswer,
                body=ChangedAgent,
                path_fields=AgentPath,
                failures={
                    400: "A field is wrong, or Letta has no such model (UNKNOWN_MODEL).",
                    404: "Letta does not know this agent (UNKNOWN_AGENT).",
                    **away,
                },
            ),
            Endpoint(
                "GET",
                "/api/models",
                self.models,
                "The models agents can think with.",
                ModelsAnswer,
                failures=away,
            ),
            Endpoint(
                "GET",
                "/api/agents/{agent_id}/memory",
                self.memory,
                "The memory blocks of an agent.",
                MemoryAnswer,
                path_fields=AgentPath,
                failures={404: "Letta does not know this agent (UNKNOWN_AGENT).", **away},
            ),
        ]

    async def list(self, request: web.Request) -> web.Response:
        return answered(
            AgentsAnswer(agents=[_agent(found) for found in await self._letta.agents()])
        )

    async def create(self, request: web.Request) -> web.Response:
        wanted = await read_json(request, NewAgent)
        blocks = [
            {"label": "persona", "value": wanted.persona},
            {"label": "human", "value": wanted.human},
        ]
        agent: dict[str, Any] = {"name": wanted.name, "memory_blocks": blocks}
        if wanted.model is not None:
            agent["model"] = wanted.model
        return answered(AgentAnswer(agent=_agent(await self._letta.create(agent))), status=201)

    async def change(self, request: web.Request) -> web.Response:
        agent_id = validated(AgentPath, request.match_info).agent_id
        wanted = await read_json(request, ChangedAgent)
        return answered(
            AgentAnswer(agent=_agent(await self._letta.change_model(agent_id, wanted.model)))
        )

    async def models(self, request: web.Request) -> web.Response:
        scripts = await self._letta.scripts(self._models_url)
        models = [
            Model(handle=each, is_script=each.rpartition("/")[2] in scripts)
            for each in await self._letta.models()
        ]
        return answered(ModelsAnswer(models=models))

    async def memory(self, request: web.Request) -> web.Response:
        agent_id = validated(AgentPath, request.match_info).agent_id
        blocks = await self._letta.blocks(agent_id)
        return answered(MemoryAnswer(blocks=[_block(block) for block in blocks]))


def _agent(found: dict[str, Any]) -> Agent:
    return Agent(
        id=found["id"],
        name=found.get("name") or found["id"],
        model=model_of(found),
        description=found.get("description"),
        created_at=found.get("created_at"),
    )


def _block(found: dict[str, Any]) -> Block:
    return Block(
        id=found["id"],
        label=found.get("label") or "",
        value=found.get("value") or "",
        limit=found.get("limit"),
        description=found.get("description"),
    )
