"""`POST /v1/audio/transcriptions`: an audio file in, its words out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dev.models import faults
from dev.models.hearing import transcript
from dev.models.hearing.decode_queue import Client, Urgency
from dev.models.hearing.listening import CannotHear, Listening
from dev.models.hearing.utterance import Utterance
from dev.models.hearing.whisper import RATE, Heard
from dev.models.refusal import refusal
from dev.models.sound import NotAudio, decode

ENGLISH = "en"


class TranscriptionRequest(BaseModel):
    """What is used of OpenAI's request; the rest is accepted and has no effect."""

    model_config = ConfigDict(extra="ignore")
    language: str = ""
    prompt: str = ""
    response_format: Literal["json", "text", "verbose_json", "srt", "vtt"] = "json"
    granularities: list[Literal["word", "segment"]] = Field([], alias="timestamp_granularities")
    stream: bool = False

    @property
    def wants_words(self) -> bool:
        return self.response_format in ("srt", "vtt") or "word" in self.granularities


def routes(listening: Listening) -> list[web.RouteDef]:
    async def transcribe(request: web.Request) -> web.StreamResponse:
        return await _transcribe(request, listening)

    return [web.post("/v1/audio/transcriptions", transcribe)]


async def _transcribe(request: web.Request, listening: Listening) -> web.StreamResponse:
    if not request.content_type.startswith("multipart/"):
        return refusal(
            400, f"Content-Type {request.content_type!r}: send multipart/form-data", "file"
        )
    form = await request.post()
    file = form.get("file")
    if not isinstance(file, web.FileField):
        return refusal(400, "file: send the audio as a form file of this name", "file")
    # Lists come as `name[]` once for each value, and from some clients as `name`.
    fields = {name: value for name, value in form.items() if name != "file"}
    granularities = [
        value
        for name in ("timestamp_granularities[]", "timestamp_granularities")
        for value in form.getall(name, [])
    ]
    try:
        wanted = TranscriptionRequest.model_validate(
            {**fields, "timestamp_granularities": granularities}
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0])
        return refusal(400, f"{where} {first['input']!r}: {first['msg']}", where)
    if wanted.granularities and wanted.response_format != "verbose_json":
        return refusal(
            400,
            f"timestamp_granularities: only with response_format verbose_json, "
            f"not with {wanted.response_format}",
            "timestamp_granularities",
        )
    if wanted.stream and wanted.response_format not in ("json", "text"):
        return refusal(400, f"stream: not with response_format {wanted.response_format}", "stream")
    try:
        await listening.ready()
        if (language := wanted.language) and language not in listening.languages:
            there = ", ".join(listening.languages)
            return refusal(400, f"language {language!r}: the model here hears {there}", "language")
        pcm = await asyncio.to_thread(decode, file.file.read(), RATE)
    except NotAudio as error:
        return refusal(400, f"file: {error}", "file")
    except CannotHear as error:
        return refusal(503, str(error))
    utterance = Utterance(listening, Client(), language or None)
    utterance.prompt = wanted.prompt
    await asyncio.to_thread(utterance.hear, pcm)
    heard = utterance.pieces(Urgency.FILE, words=wanted.wants_words)
    if wanted.stream:
        return await _events(request, heard)
    return _whole(wanted, [piece async for piece in heard], utterance.seconds)


def _whole(wanted: TranscriptionRequest, pieces: list[Heard], seconds: float) -> web.Response:
    language = wanted.language or ENGLISH
    match wanted.response_format:
        case "text":
            return web.Response(text=f"{transcript.text_of(pieces)}\n")
        case "srt":
            return web.Response(text=transcript.srt(pieces))
        case "vtt":
            return web.Response(text=transcript.vtt(pieces))
        case "verbose_json":
            answer = transcript.verbose(pieces, seconds, language, wanted.granularities)
        case "json":
            answer = {"text": transcript.text_of(pieces)}
    usage = {"type": "duration", "seconds": round(seconds, 3)}
    return web.json_response({**answer, "usage": usage})


async def _events(request: web.Request, heard: AsyncIterator[Heard]) -> web.StreamResponse:
    """The words of each piece as soon as it is understood, and at the end all of them."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    async def event(**fields: str) -> None:
        await faults.write(request, response, f"data: {json.dumps(fields)}\n\n".encode())

    text = ""
    async for piece in heard:
        delta = f" {piece.text}" if text else piece.text
        text += delta
        await event(type="transcript.text.delta", delta=delta)
    await event(type="transcript.text.done", text=text)
    return response
