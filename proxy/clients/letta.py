"""Letta as the proxy uses it: the seam (common/letta), with its failures as answers of our API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp

from common.letta import errors
from common.letta.backend import Agent, Backend, Block, Version
from common.letta.errors import LettaError
from proxy.api.errors import ApiError
from proxy.clients.outside import FAILURES

CHECK_TIMEOUT_S = 1.0
"""How long a dispatch waits to learn whether its agent exists."""
KNOWN_FOR_S = 60.0
AGENTS_MAX, VERSIONS_MAX = 500, 100
WRITTEN_HERE = "written on the page"
REHEARSAL = "rehearsal"
HOW_TO_CHECK = (
    "`./restart_voice_system.sh status` tells whether the letta process runs; LETTA_BASE_URL "
    "names the server."
)
ANSWERS = {
    "letta_unreachable": (503, "LETTA_UNREACHABLE"),
    "letta_timeout": (503, "LETTA_UNREACHABLE"),
    "letta_unauthorized": (502, "LETTA_KEY_REJECTED"),
    "letta_refused": (400, "LETTA_REFUSED"),
    "no_model": (502, "LETTA_HAS_NO_MODEL"),
}
"""Status and code of our answer by the code of a LettaError; else 502 and LETTA_ERROR."""


def unknown_agent(agent_id: str) -> ApiError:
    """The answer to a request about an agent that Letta does not have."""
    return ApiError(
        404,
        "UNKNOWN_AGENT",
        f"Letta has no agent {agent_id!r}. GET /api/agents lists those it has.",
    )


def answer_of(error: LettaError) -> ApiError:
    """What our API answers when Letta failed."""
    status, code = ANSWERS.get(error.code, (502, "LETTA_ERROR"))
    step = f"{error.next_step[:1].upper()}{error.next_step[1:]}."
    return ApiError(status, code, f"{error.message}. {HOW_TO_CHECK if status == 503 else step}")


class Letta:
    """What the page and a dispatch ask of one Letta."""

    def __init__(self, backend: Backend, session: aiohttp.ClientSession) -> None:
        self._backend = backend
        self._session = session
        self._known: dict[str, float] = {}

    async def agents(self) -> list[Agent]:
        """Every agent in Letta's own order, at most `AGENTS_MAX`."""
        with _answering():
            found = await self._backend.agents(AGENTS_MAX)
        now = time.monotonic()
        self._known = {agent.id: now for agent in found}
        return found

    async def knows(self, agent_id: str) -> bool:
        """Whether there is such an agent; one seen within the last minute is not asked for."""
        seen = self._known.get(agent_id)
        if seen is not None and time.monotonic() - seen < KNOWN_FOR_S:
            return True
        with _answering():
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    await self._backend.agent(agent_id)
            except TimeoutError:
                raise errors.timed_out(self._backend.base_url) from None
            except LettaError as error:
                if error.code == "agent_not_found":
                    return False
                raise
        self._known[agent_id] = time.monotonic()
        return True

    async def create(self, name: str, blocks: Mapping[str, str], model: str | None) -> Agent:
        """Create an agent; it thinks with the first agent's model where none is named."""
        with _answering():
            created = await self._backend.create_agent(name, blocks, model)
        self._known[created.id] = time.monotonic()
        return created

    async def models(self) -> list[str]:
        """The handles of the language models that it offers."""
        with _answering():
            return await self._backend.models()

    async def scripts(self, models_url: str) -> frozenset[str]:
        """The names under which the offline models server answers by its rehearsal partner."""
        timeout = aiohttp.ClientTimeout(total=CHECK_TIMEOUT_S)
        try:
            async with self._session.get(f"{models_url}/models", timeout=timeout) as answer:
                cards = (await answer.json(content_type=None))["data"]
                return frozenset(str(card["id"]) for card in cards if card.get("script") is True)
        except (*FAILURES, ValueError, KeyError, TypeError, AttributeError):
            return frozenset({REHEARSAL})  # it has no other name

    async def change_model(self, agent_id: str, handle: str) -> Agent:
        """The agent, which thinks with another model from its next turn on."""
        offered = await self.models()
        if handle not in offered:
            raise ApiError(
                400,
                "UNKNOWN_MODEL",
                f"Letta has no model {handle!r}; it offers: {', '.join(offered) or 'none'}.",
            )
        with _answering(agent_id):
            return await self._backend.change_model(agent_id, handle)

    @property
    def keeps_history(self) -> bool:
        """Whether memory blocks have versions."""
        return self._backend.keeps_history

    async def blocks(self, agent_id: str) -> list[Block]:
        """The memory blocks of an agent."""
        with _answering(agent_id):
            return await self._backend.blocks(agent_id)

    async def write_block(self, agent_id: str, label: str, value: str) -> None:
        with _answering(agent_id):
            await self._backend.write_block(agent_id, label, value, WRITTEN_HERE)

    async def versions(self, agent_id: str, label: str) -> list[Version]:
        """What became of a block, the newest first."""
        with _answering(agent_id):
            return await self._backend.versions(agent_id, label, VERSIONS_MAX)

    async def version(self, agent_id: str, label: str, version_id: str) -> str:
        """What a block said then."""
        with _answering(agent_id):
            return await self._backend.version(agent_id, label, version_id)


@contextmanager
def _answering(agent_id: str = "") -> Iterator[None]:
    try:
        yield
    except LettaError as error:
        if error.code == "agent_not_found":
            raise unknown_agent(agent_id) from error
        raise answer_of(error) from error
