"""Call each model that is in use once, for real: what it answers, and how long that takes.

Each answer is a ProbeResult, so that the verdict of the system is made of the same facts as the
doctor's lines. A call costs next to nothing: 0.4 s of sound, one word, one token.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from livekit import api
from pydantic import BaseModel, Field, ValidationError

from agent import settings as agent_settings
from agent.settings import AgentSettings
from agent.speech import answers
from agent.speech.answers import Answer
from common.failures import OddAnswer
from common.probe import Probe, milliseconds_since
from dev.letta.settings import LettaSettings
from proxy.clients.outside import FAILURES, in_words
from proxy.probes import providers
from proxy.probes.providers import Provider
from proxy.probes.question import is_own, message_in, problem_of, problem_of_status, shown
from proxy.probes.watch import Fact
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult

EMBEDDINGS = "embeddings"
LOCAL_MODELS = "local models"
EMBEDDING_MODEL = "text-embedding-3-small"
OWN_LIMIT_S, OUTSIDE_LIMIT_S = 4.0, 7.0
RATE, SECONDS, TONE_HZ = 16_000, 0.4, 220
WORD = "Hello."
LOADING = " within 3 s: it may have to be loaded first"
VOICE_RATE = 24_000  # of pcm, in OpenAI's protocol


class Choice(BaseModel):
    message: dict[str, Any]


class ChatCompletion(BaseModel):
    """What a language model has to answer, as far as we look at it."""

    choices: list[Choice] = Field(min_length=1)


class Embedding(BaseModel):
    embedding: list[float] | str = Field(min_length=1)


class Embeddings(BaseModel):
    data: list[Embedding] = Field(min_length=1)


class ModelFailed(Exception):
    """A model did not do its work: a code as of ProbeResult.problem, and why."""

    def __init__(self, problem: str, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.problem, self.detail, self.status = problem, detail, status


class Models:
    """The models of these settings; `facts` are to be asked by whoever collects the health."""

    def __init__(
        self, settings: ProxySettings, session: aiohttp.ClientSession, *, outside: bool, letta: bool
    ) -> None:
        self._settings = settings
        self._session = session
        self._outside = outside
        self._letta = letta
        self._works: dict[str, Callable[[Provider], Awaitable[str]]] = {
            providers.SPEECH_TO_TEXT: self._hear,
            providers.TEXT_TO_SPEECH: self._speak,
            providers.CHAT: self._chat,
        }

    def facts(self) -> list[Fact]:
        """What to call. A model that is not to be called is missing: `letta` tells whether a Letta
        of our own asks the chat model, and `outside` whether models that are not on this machine
        are called."""
        facts: list[Fact] = []
        for provider in providers.in_use(self._settings):
            if not self._outside and not is_own(provider.base_url):
                continue
            if provider.role == providers.CHAT:
                if not self._letta:
                    continue
                facts.append(self._fact(provider, EMBEDDINGS, self._embed))
            facts.append(self._fact(provider, provider.role, self._works[provider.role]))
            if provider.role == providers.CHAT and provider.kind in ("offline", "local"):
                facts.append(self._fact(provider, LOCAL_MODELS, self._find))
        return facts

    def _fact(
        self,
        provider: Provider,
        name: str,
        work: Callable[[Provider], Awaitable[str]],
    ) -> Fact:
        limit = OWN_LIMIT_S if is_own(provider.base_url) else OUTSIDE_LIMIT_S
        target = shown(provider.base_url)

        async def ask() -> ProbeResult:
            began, at = time.monotonic(), time.time()

            def result(problem: str, detail: str, status: int | None = None) -> ProbeResult:
                ms = milliseconds_since(began)
                return ProbeResult(name, problem, detail, target, status, ms, at)

            try:
                async with asyncio.timeout(limit):
                    return result("", f"{provider.kind} at {target}: {await work(provider)}")
            except OddAnswer as error:
                return result("other", str(error))
            except ModelFailed as error:
                return result(error.problem, f"{target} {error.detail}", error.status)
            except TimeoutError:
                return result("timeout", f"{target} does not answer within {limit:g} s")
            except FAILURES as error:
                return result(problem_of(error), f"{target}: {in_words(error)}")
            except (ValueError, ValidationError) as error:
                return result("other", f"{target} cannot be asked: {error}")

        return Probe(name, ask, limit=limit + 1.0)

    async def _hear(self, provider: Provider) -> str:
        if provider.kind == "inference":
            return await self._shake_hands(provider, "stt")
        if provider.kind == "offline":
            return await self._hear_stream(provider)
        form = aiohttp.FormData()
        form.add_field("file", wav(), filename="tone.wav", content_type="audio/wav")
        model = AgentSettings().stt_model or agent_settings.OPENAI_STT_MODEL
        form.add_field("model", model)
        answer, body = await self._post(provider, "/audio/transcriptions", data=form)
        return f"{model} heard {answers.transcript(answer, body)!r} in a tone"

    async def _hear_stream(self, provider: Provider) -> str:
        """As the agent does: over a WebSocket."""
        url = provider.base_url.replace("http", "ws", 1) + "/audio/transcriptions/stream"
        try:
            socket = await self._session.ws_connect(url)
        except aiohttp.WSServerHandshakeError as error:
            raise ModelFailed(
                "status", f"answered {error.status} to GET {url}", error.status
            ) from None
        async with socket:
            await socket.send_str('{"type": "start"}')
            await socket.send_bytes(tone())
            await socket.send_str('{"type": "end"}')
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                event: dict[str, Any] = json.loads(message.data)
                if event.get("type") == "final":
                    text = answers.transcript(Answer(url, 101), message.data.encode())
                    return f"whisper heard {text!r} in a tone"
                if event.get("type") == "error":
                    raise ModelFailed("other", f"says {event.get('message', event)}")
        raise ModelFailed("other", "closed the connection without a transcript")

    async def _speak(self, provider: Provider) -> str:
        if provider.kind == "inference":
            return await self._shake_hands(provider, "tts")
        settings, offline = AgentSettings(), provider.kind == "offline"
        model = settings.tts_model or (
            agent_settings.OFFLINE_TTS_MODEL if offline else agent_settings.OPENAI_TTS_MODEL
        )
        voice = settings.tts_voice or (
            agent_settings.OFFLINE_VOICE if offline else agent_settings.OPENAI_VOICE
        )
        body = {"model": model, "voice": voice, "input": WORD, "response_format": "pcm"}
        answer, sound = await self._post(provider, "/audio/speech", json=body)
        if not sound:
            raise ModelFailed("other", f"spoke nothing when {model} was asked to say {WORD!r}")
        if answers.form_of_sound(answer, sound[: answers.HEAD]) == answers.PCM:
            samples = sound[: len(sound) // 2 * 2]
            if answers.loudest(samples, VOICE_RATE) < answers.SILENT:
                seconds = len(samples) / 2 / VOICE_RATE
                raise ModelFailed(
                    "other",
                    f"sent {seconds:.1f} s of sound, all of it silent, when {model} was asked to "
                    f"say {WORD!r}",
                )
        name = await self._offline_voice(provider) if offline else model
        return f"{name} said {WORD!r} ({len(sound)} bytes)"

    async def _offline_voice(self, provider: Provider) -> str:
        """Its name, and why it is not the one that was asked for where that could not be had."""
        async with self._session.get(provider.base_url.removesuffix("/v1") + "/health") as answer:
            health = await answer.json()
        name, problem = health["voice"], health["voice_problem"]
        return f"{name} ({problem})" if problem else str(name)

    async def _chat(self, provider: Provider) -> str:
        model = LettaSettings().model
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        try:
            answered = await self._post(
                provider, "/chat/completions", json={**body, "max_tokens": 1}
            )
        except ModelFailed as error:
            if error.status != 400 or "max_completion_tokens" not in error.detail:
                raise
            # Models that think count what they think as well: one token would be none.
            body["max_completion_tokens"] = 16
            answered = await self._post(provider, "/chat/completions", json=body)
        answers.checked(*answered, ChatCompletion, 'JSON with a list of "choices"')
        return f"{model} answered"

    async def _find(self, provider: Provider) -> str:
        """The language models that other servers of this machine have."""
        async with self._session.get(
            provider.base_url.removesuffix("/v1") + "/local-models"
        ) as answer:
            found = await answer.json()
        if not found["servers"]:
            return f"none found at {found['where']}; the rehearsal partner is a script"
        return "; ".join(_local_server(server) for server in found["servers"])

    async def _embed(self, provider: Provider) -> str:
        body = {"model": EMBEDDING_MODEL, "input": WORD}
        answered = await self._post(provider, "/embeddings", json=body)
        answers.checked(*answered, Embeddings, 'JSON with "data", a list of an "embedding"')
        return f"{EMBEDDING_MODEL} answered"

    async def _shake_hands(self, provider: Provider, path: str) -> str:
        """LiveKit Inference bills by what is said: its consent to begin is enough."""
        if self._settings.livekit_credentials is None:
            raise ModelFailed("missing", "needs LIVEKIT_API_KEY and LIVEKIT_API_SECRET")
        grants = api.access_token.InferenceGrants(perform=True)
        token = api.AccessToken(*self._settings.livekit_credentials).with_identity("doctor")
        settings = AgentSettings()
        model = (
            settings.stt_model or agent_settings.INFERENCE_STT_MODEL
            if path == "stt"
            else settings.tts_model or agent_settings.INFERENCE_TTS_MODEL
        )
        url = provider.base_url.replace("http", "ws", 1) + f"/{path}"
        headers = {"Authorization": f"Bearer {token.with_inference_grants(grants).to_jwt()}"}
        try:
            query = {"model": model.partition(":")[0]}
            async with self._session.ws_connect(url, headers=headers, params=query):
                return f"LiveKit Inference takes our key for {model}"
        except aiohttp.WSServerHandshakeError as error:
            problem = problem_of_status(error.status, keyed=True) or "other"
            raise ModelFailed(
                problem, f"answered {error.status} for {model}", error.status
            ) from None

    async def _post(self, provider: Provider, path: str, **body: Any) -> tuple[Answer, bytes]:
        """The head and the beginning of the answer."""
        headers = {"Authorization": f"Bearer {provider.key}"} if provider.key else {}
        url = provider.base_url + path
        async with self._session.post(url, headers=headers, **body) as response:
            answer = await answers.read(response.content.iter_any(), answers.MOST_OF_A_TEXT)
            if problem := problem_of_status(response.status, keyed=bool(provider.key)):
                words = message_in(answer.decode(errors="replace"))
                detail = f"answered {response.status} to POST {path}: {words}"
                raise ModelFailed(problem, detail, response.status)
            kind = response.headers.get("Content-Type", "")
            return Answer(f"POST {url}", response.status, kind), answer


def _local_server(found: Mapping[str, Any]) -> str:
    """One server's models, and how its first ones do."""
    word_ms, vector_ms = found["first_word_ms"], found["vector_ms"]
    tools = "calls tools" if found["calls_tools"] else "calls no tools"
    kinds = [
        (found["models"], word_ms, f"first word after {word_ms} ms, {tools}", "no word"),
        (found["embeddings"], vector_ms, f"embeddings, a vector in {vector_ms} ms", "no vector"),
    ]
    told = [
        f"{names[0]} ({how if ms is not None else nothing + LOADING})"
        + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        for names, ms, how, nothing in kinds
        if names
    ]
    return f"{found['server']} at {shown(found['url'])} has {', '.join(told)}"


def tone() -> bytes:
    """A short quiet tone: 16 kHz, 16 bit, mono."""
    count = int(RATE * SECONDS)
    turn = 2 * math.pi * TONE_HZ / RATE
    return struct.pack(f"<{count}h", *(int(2000 * math.sin(turn * at)) for at in range(count)))


def wav() -> bytes:
    """The tone as a WAV file."""
    sound = tone()
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body
