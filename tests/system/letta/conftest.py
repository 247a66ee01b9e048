"""Each Letta is started once for all tests of the seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from common.letta.backend import Agent, Backend
from tests.system.letta.lettas import BACKENDS, Letta, connected, letta_of

PERSONA = {"human": "I know nothing about this person yet.", "persona": "I am short."}


@pytest.fixture(scope="session", params=BACKENDS)
def letta(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Letta]:
    with letta_of(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
async def backend(letta: Letta) -> AsyncIterator[Backend]:
    async with connected(letta) as backend:
        yield backend


@pytest.fixture
async def agent(backend: Backend, request: pytest.FixtureRequest) -> Agent:
    name = "".join(letter if letter.isalnum() else " " for letter in request.node.name)
    return await backend.create_agent(name[:40].strip(), PERSONA)
