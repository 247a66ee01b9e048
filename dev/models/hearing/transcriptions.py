"""`POST /v1/audio/transcriptions`: an audio file in, its words out."""

from __future__ import annotations

import asyncio

from aiohttp import web

from dev.models.hearing.decode_queue import Client, Urgency
from dev.models.hearing.listening import CannotHear, Listening
from dev.models.hearing.utterance import Utterance
from dev.models.hearing.whisper import RATE
from dev.models.refusal import refusal
from dev.models.sound import NotAudio, decode

FORMATS = ("json", "text", "verbose_json")


def routes(listening: Listening) -> list[web.RouteDef]:
    async def transcribe(request: web.Request) -> web.Response:
        return await _transcribe(request, listening)

    return [web.post("/v1/audio/transcriptions", transcribe)]


async def _transcribe(request: web.Request, listening: Listening) -> web.Response:
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
    utterance = Utterance(listening, Client())
    try:
        await listening.ready()
        pcm = await asyncio.to_thread(decode, file.file.read(), RATE)
        await asyncio.to_thread(utterance.hear, pcm)
        pieces = await utterance.understood(Urgency.FILE)
    except NotAudio as error:
        return refusal(400, f"file: {error}", "file")
    except CannotHear as error:
        return refusal(503, str(error))
    text = " ".join(piece.text for piece in pieces)
    if wanted == "text":
        return web.Response(text=f"{text}\n")
    answer: dict[str, object] = {"text": text}
    if wanted == "verbose_json":
        answer |= {
            "task": "transcribe",
            "language": "english",
            "duration": utterance.seconds,
            "segments": [
                {"id": number, "start": piece.start, "end": piece.end, "text": piece.text}
                for number, piece in enumerate(pieces)
            ],
        }
    return web.json_response(answer)
