"""`POST /v1/audio/transcriptions`: an audio file in, its words out."""

from __future__ import annotations

import asyncio

from aiohttp import web

from dev.models.decoders import Decoders, NoDecoderFree
from dev.models.refusal import refusal
from dev.models.session import DecoderDied
from dev.models.sound import NotAudio, decode

RATE = 16_000
FORMATS = ("json", "text", "verbose_json")
MAX_FIELD_BYTES = 10_000


def routes(decoders: Decoders) -> list[web.RouteDef]:
    async def transcribe(request: web.Request) -> web.Response:
        return await _transcribe(request, decoders)

    return [web.post("/v1/audio/transcriptions", transcribe)]


async def _transcribe(request: web.Request, decoders: Decoders) -> web.Response:
    if not request.content_type.startswith("multipart/"):
        return refusal(
            400, f"Content-Type {request.content_type!r}: send multipart/form-data", "file"
        )
    form = await request.post()
    file, wanted = form.get("file"), str(form.get("response_format") or "json")
    if not isinstance(file, web.FileField):
        return refusal(400, "file: send the audio as a form file of this name", "file")
    if wanted not in FORMATS:
        return refusal(
            400, f"response_format {wanted!r}: one of {', '.join(FORMATS)}", "response_format"
        )
    try:
        pcm = await asyncio.to_thread(decode, file.file.read(), RATE)
    except NotAudio as error:
        return refusal(400, f"file: {error}", "file")
    try:
        session = await decoders.take()
    except NoDecoderFree as error:
        return refusal(503, str(error))
    try:
        session.audio(pcm)
        text = await session.end()
    except DecoderDied:
        return refusal(500, "the decoder ended in the middle of the file; try again")
    finally:
        await decoders.give_back(session)
    if wanted == "text":
        return web.Response(text=f"{text}\n")
    answer: dict[str, object] = {"text": text}
    if wanted == "verbose_json":
        duration = len(pcm) / 2 / RATE
        segment = {"id": 0, "start": 0.0, "end": duration, "text": text}
        answer |= {
            "task": "transcribe",
            "language": "english",
            "duration": duration,
            "segments": [segment],
        }
    return web.json_response(answer)
