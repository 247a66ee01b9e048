"""`POST /v1/audio/speech`: text in, speech out, sent while it is made."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dev.models import faults
from dev.models.refusal import refusal
from dev.models.sound import Pcm
from dev.models.speaking.formats import CONTENT_TYPES, Encoder, Format, encoder
from dev.models.speaking.speaking import RATE, CannotSay, CannotSpeak, Speaking, UnknownSpeaker

MAX_CHARACTERS = 4096  # OpenAI's limit
# OpenAI's own voices are answered by the default voice, so that a client need not be told.
OPENAI_VOICES = frozenset(
    [
        *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
        *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
    ]
)


def _speaker(voice: object) -> object:
    """A name; OpenAI's endpoint takes `{"id": …}` as well."""
    name = voice.get("id") if isinstance(voice, dict) else voice
    return "" if name in OPENAI_VOICES else name


class SpeechRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")
    input: str = Field(max_length=MAX_CHARACTERS)
    voice: Annotated[str, BeforeValidator(_speaker)] = ""
    response_format: Format = "mp3"
    stream_format: Literal["audio", "sse"] = "audio"
    speed: float = Field(1.0, ge=0.25, le=4.0)


def routes(speaking: Speaking) -> list[web.RouteDef]:
    async def speak(request: web.Request) -> web.StreamResponse:
        return await _speak(request, speaking)

    return [web.post("/v1/audio/speech", speak)]


async def _speak(request: web.Request, speaking: Speaking) -> web.StreamResponse:
    try:
        wanted = SpeechRequest.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "body"
        return refusal(400, f"{where}: {first['msg']}", where)
    async with aclosing(
        speaking.speak(wanted.input, speaker=wanted.voice, speed=wanted.speed)
    ) as pieces:
        return await _answer(request, wanted, pieces)


async def _answer(
    request: web.Request, wanted: SpeechRequest, pieces: AsyncIterator[Pcm]
) -> web.StreamResponse:
    try:
        pcm = await anext(pieces)
    except UnknownSpeaker as error:
        return refusal(400, f"voice: {error}", "voice")
    except CannotSay as error:
        return refusal(400, f"input: {error}", "input")
    except CannotSpeak as error:
        return refusal(503, str(error))
    body = _Events(request) if wanted.stream_format == "sse" else _Body(request)
    encoding = encoder(wanted.response_format, RATE)
    await body.begin(wanted.response_format)
    await body.send(await _encoded(request, encoding, pcm))
    async for pcm in pieces:
        await body.send(await _encoded(request, encoding, pcm))
    await body.send(await asyncio.to_thread(encoding.rest))
    return await body.end(wanted.input)


async def _encoded(request: web.Request, encoding: Encoder, pcm: Pcm) -> bytes:
    return await asyncio.to_thread(encoding.push, faults.sound(request, pcm))


class _Body:
    """The sound as it is."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse()

    async def begin(self, name: Format) -> None:
        self._response.headers["Content-Type"] = CONTENT_TYPES[name]
        self._response.headers["X-Sample-Rate"] = str(RATE)
        await self._response.prepare(self._request)

    async def send(self, data: bytes) -> None:
        if data:
            await faults.write(self._request, self._response, data)

    async def end(self, text: str) -> web.StreamResponse:
        return self._response


class _Events(_Body):
    """The sound within server-sent events."""

    async def begin(self, name: Format) -> None:
        self._response.headers["Content-Type"] = "text/event-stream"
        self._response.headers["Cache-Control"] = "no-store"
        await self._response.prepare(self._request)
        self._sent = 0

    async def send(self, data: bytes) -> None:
        self._sent += len(data)
        if data:
            await self._event(type="speech.audio.delta", audio=base64.b64encode(data).decode())

    async def end(self, text: str) -> web.StreamResponse:
        # What OpenAI counts is not known here: words that were read, and kilobytes of sound.
        usage = {"input_tokens": len(text.split()), "output_tokens": self._sent // 1024}
        total = sum(usage.values())
        await self._event(type="speech.audio.done", usage={**usage, "total_tokens": total})
        return self._response

    async def _event(self, **event: object) -> None:
        data = f"data: {json.dumps(event)}\n\n".encode()
        await faults.write(self._request, self._response, data)
