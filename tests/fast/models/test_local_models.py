"""Language models of other servers on this machine: found, listed, tried, and asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from dev.models import local_models
from dev.models.app import make_app
from dev.models.settings import ModelsSettings

WORDS, VECTOR = ["Hel", "lo", "."], [0.5, -0.25]


class Ollama:
    """A server with a model for talk, one that calls tools too, and one for embeddings."""

    def __init__(self) -> None:
        self.models = ["llama3.2:1b", "qwen3:4b", "nomic-embed-text"]
        self.with_tools = {"qwen3:4b"}
        self.asked: list[dict[str, Any]] = []
        self.cards: Any = None
        self.odd = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self.list)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/embeddings", self.embed)
        return app

    async def embed(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.json_response({"data": [{"embedding": VECTOR}]})

    async def list(self, _: web.Request) -> web.Response:
        cards = [{"id": each, "object": "model", "owned_by": "library"} for each in self.models]
        return web.json_response(self.cards or {"object": "list", "data": cards})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        self.asked.append(wanted)
        if self.odd:
            return web.Response(text=self.odd)
        if not wanted.get("stream"):
            message: dict[str, Any] = {"role": "assistant", "content": "Hello."}
            if wanted.get("tools") and wanted["model"] in self.with_tools:
                call = {"name": "remember", "arguments": '{"fact": "likes tea"}'}
                message["tool_calls"] = [{"id": "1", "type": "function", "function": call}]
            return web.json_response({"choices": [{"message": message}]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in WORDS:
            chunk = {"choices": [{"delta": {"content": word}}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture
async def ollama(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ollama]:
    ollama = Ollama()
    async with TestServer(ollama.app()) as server:
        ports = {"ollama": server.port, "llamacpp": unused_port()}
        monkeypatch.setattr(local_models, "PORTS", ports)
        yield ollama


@pytest.fixture
async def ours(ollama: Ollama, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of our own models server, which loads no weights here."""
    for loader in ("hearing.listening.Listening", "speaking.speaking.Speaking"):
        monkeypatch.setattr(f"dev.models.{loader}.start", lambda self: None)
    monkeypatch.setattr("dev.models.end_of_turn.EndOfTurn.start", lambda self: None)
    async with TestServer(make_app(ModelsSettings(chat_provider="local"))) as server:
        yield f"http://127.0.0.1:{server.port}"


async def say(url: str, model: str, **how: Any) -> tuple[int, str]:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **how}
    async with ClientSession() as http, http.post(f"{url}/v1/chat/completions", json=body) as said:
        return said.status, await said.text()


async def is_script(url: str) -> bool:
    """Whether the list says that a script answers to `local`."""
    async with ClientSession() as http, http.get(f"{url}/v1/models/local") as answer:
        card = await answer.json()
    assert isinstance(card["script"], bool)
    return bool(card["script"])


async def test_chat_models_of_this_machine_stand_in_our_list(ours: str, ollama: Ollama) -> None:
    async with ClientSession() as http, http.get(f"{ours}/v1/models") as answer:
        cards = {card["id"]: card for card in (await answer.json())["data"]}
        for name in ("ollama/llama3.2:1b", "ollama/qwen3:4b", "local"):
            assert cards[name]["for"] == "chat"
        assert cards["ollama/nomic-embed-text"]["for"] == "embeddings"
        async with http.get(f"{ours}/v1/models/ollama/qwen3:4b") as one:
            assert (await one.json())["owned_by"] == "ollama"


async def test_who_is_asked_for_by_name_answers_and_streams(ours: str, ollama: Ollama) -> None:
    status, text = await say(ours, "ollama/llama3.2:1b", stream=True)
    assert status == 200 and [word in text for word in WORDS] == [True] * 3
    assert text.rstrip().endswith("[DONE]")
    assert ollama.asked[-1]["model"] == "llama3.2:1b"


async def test_local_is_the_first_that_calls_tools(ours: str, ollama: Ollama) -> None:
    await say(ours, "local")
    assert ollama.asked[-1]["model"] == "qwen3:4b"


async def test_without_one_that_calls_tools_the_rehearsal_partner_answers(
    ours: str, ollama: Ollama, caplog: pytest.LogCaptureFixture
) -> None:
    ollama.with_tools = set()
    assert not await is_script(ours), "nobody has tried them yet"
    for _ in range(2):
        status, text = await say(ours, "local")
        assert status == 200 and "chatcmpl-" in text  # which the other server does not have
    (told,) = [record.message for record in caplog.records if record.name == "models.local"]
    assert "CHAT_PROVIDER=local" in told and "script" in told
    assert await is_script(ours)


async def test_other_names_stay_with_the_rehearsal_partner(ours: str, ollama: Ollama) -> None:
    for model in ("rehearsal", "gpt-4.1", "ollama/unknown"):
        assert (await say(ours, model))[0] == 200
    assert ollama.asked == []


@pytest.mark.parametrize("cards", [[], {}, {"data": None}, {"data": [{"name": "x"}]}, "hello"])
async def test_what_is_no_list_of_models_is_nobody(ours: str, ollama: Ollama, cards: Any) -> None:
    ollama.cards = cards or [1]
    async with ClientSession() as http, http.get(f"{ours}/v1/models") as answer:
        assert not any("/" in card["id"] for card in (await answer.json())["data"])


async def test_our_own_models_are_not_found_again(ours: str, ollama: Ollama) -> None:
    ollama.cards = {"data": [{"id": "rehearsal", "owned_by": "offline", "for": "chat"}]}
    async with ClientSession() as http, http.get(f"{ours}/v1/models") as answer:
        assert not any("/" in card["id"] for card in (await answer.json())["data"])


async def test_what_is_found_is_tried_with_a_word_and_a_tool(ours: str, ollama: Ollama) -> None:
    ollama.models.remove("llama3.2:1b")
    async with ClientSession() as http, http.get(f"{ours}/local-models") as answer:
        (server,) = (await answer.json())["servers"]
    assert (server["server"], server["models"]) == ("ollama", ["qwen3:4b"])
    assert server["calls_tools"] is True and server["first_word_ms"] >= 0
    assert server["embeddings"] == ["nomic-embed-text"] and server["vector_ms"] >= 0


async def test_a_server_with_embeddings_alone_is_told_too(ours: str, ollama: Ollama) -> None:
    ollama.models = ["nomic-embed-text"]
    async with ClientSession() as http, http.get(f"{ours}/local-models") as answer:
        (server,) = (await answer.json())["servers"]
    assert server["models"] == [] and server["vector_ms"] >= 0


async def test_who_is_asked_for_a_vector_by_name_answers(ours: str, ollama: Ollama) -> None:
    async def vector(model: str) -> list[float]:
        body = {"model": model, "input": "hello"}
        async with ClientSession() as http, http.post(f"{ours}/v1/embeddings", json=body) as said:
            return list((await said.json())["data"][0]["embedding"])

    assert await vector("ollama/nomic-embed-text") == VECTOR
    assert ollama.asked == [{"model": "nomic-embed-text", "input": "hello"}]
    assert len(await vector("hashed-ngram-embeddings")) > len(VECTOR)


@pytest.mark.parametrize("odd", ["[]", "{}", '{"choices": [null]}', '{"choices": {"0": 1}}', "<p>"])
async def test_one_that_answers_oddly_calls_no_tools(ours: str, ollama: Ollama, odd: str) -> None:
    ollama.odd = odd
    async with ClientSession() as http, http.get(f"{ours}/local-models") as answer:
        (server,) = (await answer.json())["servers"]
    assert server["calls_tools"] is False


async def test_one_that_has_gone_is_said(ours: str, ollama: Ollama) -> None:
    await say(ours, "ollama/llama3.2:1b")
    local_models.PORTS["ollama"] = unused_port()
    app_models = local_models.LocalModels(None, prefers_local=False)
    assert await app_models.found() == []
    await app_models.close()
