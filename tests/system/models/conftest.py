"""One models server for all tests of a file, and OpenAI's own client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import openai
import pytest

from tests.system.models.running import Server, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(FAULTS_ENABLED="true") as one:
        yield one


@pytest.fixture
async def client(server: Server) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="none", max_retries=0
    ) as one:
        yield one
