"""A language model that is on this machine already: a real llama.cpp server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.system.checkout import wait_for
from tests.system.models.llama_cpp import MODEL, llama_cpp
from tests.system.models.running import Server, running


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_cpp(tmp_path_factory.mktemp("llama")) as url:
        yield url


@pytest.fixture(scope="module")
def ours(llama: str) -> Iterator[Server]:
    with running(CHAT_BASE_URL=llama, CHAT_PROVIDER="local") as server:
        yield server


def name(llama: str) -> str:
    return f"{httpx.URL(llama).netloc.decode()}/{MODEL}"


async def test_it_is_found_and_streams_its_words(ours: Server, llama: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{ours.url}/v1", api_key="none") as client:
        cards = {card.id: card async for card in client.models.list()}
        assert name(llama) in cards
        stream = await client.chat.completions.create(
            model=name(llama),
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=8,
            temperature=0,
            stream=True,
        )
        words = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
    assert len("".join(word or "" for word in words)) > 3, "words, if not sense"


def test_what_it_can_do_is_told_as_it_is(ours: Server, llama: str) -> None:
    def told() -> dict[str, Any]:
        answer = httpx.get(f"{ours.url}/local-models", timeout=30).json()
        servers = {server["server"]: server for server in answer["servers"]}
        server: dict[str, Any] = servers[name(llama).split("/")[0]]
        return server

    wait_for("a word, of a busy machine", lambda: told()["first_word_ms"], 30)
    assert told()["models"] == [MODEL]
    assert told()["calls_tools"] is False, "these weights cannot"


def test_local_stays_with_the_rehearsal_partner_where_no_model_calls_tools(ours: Server) -> None:
    asked = {"model": "local", "messages": [{"role": "user", "content": "My name is Ada."}]}
    answer = httpx.post(f"{ours.url}/v1/chat/completions", json=asked, timeout=30)
    assert answer.json()["id"].startswith("chatcmpl-")
    assert "Ada" in answer.text
