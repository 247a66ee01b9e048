"""Language models that are on this machine already: found on loopback, listed, and asked for Letta.

Ollama, LM Studio, llama.cpp, LocalAI and vLLM speak OpenAI's protocol, each on its usual port. What
they have stands in our own list of models as SERVER/MODEL; a request for one of those is handed on.
So Letta, which knows one endpoint only, can think with any of them. `local` is the first of them
that can call tools, which an agent needs to remember anything. Their models for embeddings stand
there too.

Looked for when somebody asks; nothing leaves the machine unless CHAT_BASE_URL says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from pydantic import BaseModel, Field

from common.model_cards import is_for_chat, is_for_embeddings
from dev.models import faults
from dev.models.refusal import refusal

LOCAL = "local"
CHAT, EMBEDDINGS = "chat/completions", "embeddings"
# LocalAI has llama.cpp's port.
PORTS = {"ollama": 11434, "lmstudio": 1234, "llamacpp": 8080, "vllm": 8000}
OURS = "offline"  # who owns the models of this server
FOUND_FOR_S = 10.0
LOOK = aiohttp.ClientTimeout(total=1.0)
TRIED_S = 3.0  # the doctor, who asks, has little time
TRY = aiohttp.ClientTimeout(total=20.0)  # a model may have to be loaded first
ASK = aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=300.0)
TOOL = {
    "type": "function",
    "function": {
        "name": "remember",
        "description": "Remember a fact.",
        "parameters": {
            "type": "object",
            "properties": {"fact": {"type": "string"}},
            "required": ["fact"],
        },
    },
}
log = logging.getLogger("models.local")


class _Card(BaseModel, extra="allow"):
    id: str
    owned_by: str | None = None


Answer = TypeVar("Answer", bound=BaseModel)


class _Cards(BaseModel):
    data: list[_Card]


class _Message(BaseModel):
    tool_calls: list[Any] | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


class _Vector(BaseModel):
    embedding: list[float] = Field(min_length=1)


class _Vectors(BaseModel):
    data: list[_Vector] = Field(min_length=1)


@dataclass(frozen=True)
class LocalModel:
    """`server` is its name here, `url` its address with /v1, `model` as it calls it, and `path`
    where it is asked."""

    server: str
    url: str
    model: str
    path: str = CHAT

    @property
    def name(self) -> str:
        return f"{self.server}/{self.model}"


class LocalModels:
    """What is found; asked again when it is older than FOUND_FOR_S."""

    def __init__(self, base_url: str | None, prefers_local: bool) -> None:
        self._servers = {name: f"http://127.0.0.1:{port}/v1" for name, port in PORTS.items()}
        if base_url:
            self._servers = {urlsplit(base_url).netloc: base_url.rstrip("/"), **self._servers}
        self.prefers_local = prefers_local
        self._found: list[LocalModel] = []
        self._looked_at = -FOUND_FOR_S
        self._calls_tools: dict[LocalModel, bool] = {}
        self._http: aiohttp.ClientSession | None = None
        self._told = False

    @property
    def where(self) -> str:
        return ", ".join(urlsplit(url).netloc for url in self._servers.values())

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def found(self, path: str = CHAT) -> list[LocalModel]:
        """Their models for chat, or for another `path`, of one server after another."""
        if time.monotonic() - self._looked_at > FOUND_FOR_S:
            looks = [self._look(name, url) for name, url in self._servers.items()]
            self._found = [model for models in await asyncio.gather(*looks) for model in models]
            self._looked_at = time.monotonic()
        return [model for model in self._found if model.path == path]

    async def named(self, name: object, path: str = CHAT) -> LocalModel | None:
        """The one that a request names; None: it is not one of these."""
        if name == LOCAL and path == CHAT:
            return await self._first_with_tools()
        if not isinstance(name, str) or "/" not in name:
            return None
        return next((model for model in await self.found(path) if model.name == name), None)

    async def is_script(self) -> bool:
        """Whether, as far as is known, the rehearsal partner answers to `local`."""
        return not any(self._calls_tools.get(model, True) for model in await self.found())

    async def tried(self) -> list[dict[str, Any]]:
        """Each server's first model, asked for a word and for a tool, and its first one for
        embeddings, asked for a vector; all within TRIED_S."""
        servers: dict[str, list[LocalModel]] = {}
        for model in [*await self.found(), *await self.found(EMBEDDINGS)]:
            servers.setdefault(model.server, []).append(model)
        return list(await asyncio.gather(*map(self._try, servers.values())))

    async def _try(self, models: list[LocalModel]) -> dict[str, Any]:
        """What the models of one server can do, and how soon; None: not within TRIED_S."""
        chat, embeddings = ([m for m in models if m.path == path] for path in (CHAT, EMBEDDINGS))
        said: dict[str, Any] = {
            "server": models[0].server,
            "url": models[0].url,
            "models": [model.model for model in chat],
            "first_word_ms": None,
            "calls_tools": False,
            "embeddings": [model.model for model in embeddings],
            "vector_ms": None,
        }
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TRIED_S):
                if embeddings:
                    said["vector_ms"] = await self._vector_ms(embeddings[0])
                if chat:
                    said["first_word_ms"] = await self._first_word_ms(chat[0])
                    said["calls_tools"] = await self._can_call_tools(chat[0])
        return said

    async def hand_on(self, request: web.Request, model: LocalModel) -> web.StreamResponse:
        """Ask the model's server what we were asked, and pass on what it answers as it comes."""
        body = {**json.loads(await request.read()), "model": model.model}
        try:
            async with self._client.post(
                f"{model.url}/{model.path}", json=body, timeout=ASK
            ) as answer:
                response = web.StreamResponse(
                    status=answer.status, headers={"Content-Type": answer.content_type}
                )
                await response.prepare(request)
                async for part in answer.content.iter_any():
                    await faults.write(request, response, part)
                return response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._looked_at = -FOUND_FOR_S
            words = str(error) or type(error).__name__
            return refusal(
                502, f"{model.name} at {model.url} does not answer ({words}): is it still running?"
            )

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        return self._http

    async def _look(self, server: str, url: str) -> list[LocalModel]:
        """The models of one address; none when nobody answers, or something else does."""
        try:
            async with self._client.get(f"{url}/models", timeout=LOOK) as answer:
                cards = _Cards.model_validate(await answer.json(content_type=None)).data
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return []
        return [
            LocalModel(server, url, card.id, path)
            for card in cards
            for path, fits in ((CHAT, is_for_chat), (EMBEDDINGS, is_for_embeddings))
            if card.owned_by != OURS and fits(card.model_dump())
        ]

    async def _first_with_tools(self) -> LocalModel | None:
        for model in await self.found():
            if await self._can_call_tools(model):
                return model
        if not self._told:
            self._told = True
            log.warning(
                "CHAT_PROVIDER=local: no language model that calls tools at %s; the rehearsal "
                "partner answers, which is a script. Start Ollama or another, or set CHAT_BASE_URL",
                self.where,
            )
        return None

    async def _can_call_tools(self, model: LocalModel) -> bool:
        if model not in self._calls_tools:
            question = {"role": "user", "content": "Remember that I like tea. Use the tool."}
            answer = await self._ask(
                model, _Completion, messages=[question], tools=[TOOL], max_tokens=64
            )
            if answer is None:
                return False  # asked again next time: it may have been loading
            self._calls_tools[model] = bool(answer.choices[0].message.tool_calls)
        return self._calls_tools[model]

    async def _vector_ms(self, model: LocalModel) -> float | None:
        began = time.monotonic()
        answer = await self._ask(model, _Vectors, input="Hello.")
        return round((time.monotonic() - began) * 1000) if answer is not None else None

    async def _ask(self, model: LocalModel, shape: type[Answer], **body: Any) -> Answer | None:
        """None when nothing of this shape is answered."""
        try:
            async with self._client.post(
                f"{model.url}/{model.path}", json={"model": model.model, **body}, timeout=TRY
            ) as answer:
                return shape.model_validate(await answer.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    async def _first_word_ms(self, model: LocalModel) -> float | None:
        body = {
            "model": model.model,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 8,
            "stream": True,
        }
        began = time.monotonic()
        try:
            async with self._client.post(
                f"{model.url}/chat/completions", json=body, timeout=TRY
            ) as answer:
                async for line in answer.content:
                    if b'"content"' in line and b'"content":null' not in line.replace(b" ", b""):
                        return round((time.monotonic() - began) * 1000)
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        return None
