"""`/api/agents`: the Letta agents a call can be held with, a new one, and what one remembers."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field

from common.letta import backend
from proxy.api.endpoint import Answer, Endpoint, LettaId, Name, answered, read_json, validated
from proxy.clients.letta import Letta

BLOCK_MAX, CHANGED_BLOCK_MAX = 5000, 50_000  # a new one; one that Letta has let grow
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
    keeps_history: bool = Field(description="Its blocks have versions.")


class BlockPath(AgentPath):
    """The memory block in the path."""

    label: Annotated[str, Field(pattern=r"^[\w-]{1,50}$")]


class ChangedBlock(BaseModel):
    """What a memory block shall say."""

    value: Annotated[str, Field(max_length=CHANGED_BLOCK_MAX)]


class BlockVersion(BaseModel):
    """One change of a memory block."""

    id: str
    at: str = Field(description="In ISO 8601.")
    why: str


class VersionsAnswer(Answer):
    """What became of a block, the newest first; empty where Letta keeps no history."""

    versions: list[BlockVersion]


class VersionPath(BlockPath):
    """The version in the path."""

    version: LettaId


class VersionAnswer(Answer):
    """What a block said then."""

    value: str


class Agents:
    """Handlers of the routes about agents."""

    def __init__(self, letta: Letta, models_url: str) -> None:
        self._letta = letta
        self._models_url = models_url
        away = {502: "Letta refuses, or rejects the key.", 503: "Letta is away."}
        unknown = {404: "Letta does not know this agent (UNKNOWN_AGENT).", **away}
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
                failures=unknown,
            ),
            Endpoint(
                "PATCH",
                "/api/agents/{agent_id}/memory/{label}",
                self.write,
                "Change what a memory block says, or put an old version back.",
                MemoryAnswer,
                body=ChangedBlock,
                path_fields=BlockPath,
                failures={400: "There is no such block (LETTA_REFUSED), or a field is wrong."}
                | unknown,
            ),
            Endpoint(
                "GET",
                "/api/agents/{agent_id}/memory/{label}/versions",
                self.versions,
                "What became of a memory block.",
                VersionsAnswer,
                path_fields=BlockPath,
                failures=unknown,
            ),
            Endpoint(
                "GET",
                "/api/agents/{agent_id}/memory/{label}/versions/{version}",
                self.version,
                "What a memory block said then.",
                VersionAnswer,
                path_fields=VersionPath,
                failures={400: "Letta keeps no history (LETTA_REFUSED)."} | unknown,
            ),
        ]

    async def list(self, request: web.Request) -> web.Response:
        return answered(
            AgentsAnswer(agents=[_agent(found) for found in await self._letta.agents()])
        )

    async def create(self, request: web.Request) -> web.Response:
        wanted = await read_json(request, NewAgent)
        blocks = {"persona": wanted.persona, "human": wanted.human}
        created = await self._letta.create(wanted.name, blocks, wanted.model)
        return answered(AgentAnswer(agent=_agent(created)), status=201)

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
        return await self._memory_of(agent_id)

    async def write(self, request: web.Request) -> web.Response:
        path = validated(BlockPath, request.match_info)
        wanted = await read_json(request, ChangedBlock)
        await self._letta.write_block(path.agent_id, path.label, wanted.value)
        return await self._memory_of(path.agent_id)

    async def versions(self, request: web.Request) -> web.Response:
        path = validated(BlockPath, request.match_info)
        found = await self._letta.versions(path.agent_id, path.label)
        return answered(
            VersionsAnswer(versions=[BlockVersion(**asdict(version)) for version in found])
        )

    async def version(self, request: web.Request) -> web.Response:
        path = validated(VersionPath, request.match_info)
        value = await self._letta.version(path.agent_id, path.label, path.version)
        return answered(VersionAnswer(value=value))

    async def _memory_of(self, agent_id: str) -> web.Response:
        blocks = [Block(**asdict(block)) for block in await self._letta.blocks(agent_id)]
        return answered(MemoryAnswer(blocks=blocks, keeps_history=self._letta.keeps_history))


def _agent(found: backend.Agent) -> Agent:
    return Agent(**asdict(found))
