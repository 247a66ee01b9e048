"""`POST /v1/audio/speech`: text in, speech out, sentence by sentence as it is made."""

from __future__ import annotations

import asyncio
import re
import struct

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dev.models import faults
from dev.models.refusal import refusal
from dev.models.sound import Pcm, resample
from dev.models.voice import UnknownVoice, Voice

RATE = 24_000  # OpenAI's rate for pcm
FORMATS = {"pcm": "audio/pcm", "wav": "audio/wav"}
MAX_CHARACTERS = 4096  # OpenAI's limit
# OpenAI's own voices are answered by the default voice, so that a client need not be told.
OPENAI_VOICES = frozenset(
    [
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "fable",
        "marin",
        "nova",
        "onyx",
        "sage",
        "shimmer",
        "verse",
    ]
)
PAUSE_S = 0.12


class SpeechRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")
    input: str = Field(max_length=MAX_CHARACTERS)
    voice: str = ""
    response_format: str = "mp3"  # OpenAI's default, which is refused here in words
    speed: float = Field(1.0, ge=0.25, le=4.0)
    # stream_format is ignored, as other compatible servers do: the answer is always plain audio,
    # and a client tells it by the Content-Type.


def routes(voice: Voice) -> list[web.RouteDef]:
    async def speak(request: web.Request) -> web.StreamResponse:
        return await _speak(request, voice)

    return [web.post("/v1/audio/speech", speak)]


async def _speak(request: web.Request, voice: Voice) -> web.StreamResponse:
    try:
        wanted = SpeechRequest.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        return refusal(400, f"{where}: {first['msg']}", where)
    if wanted.response_format not in FORMATS:
        return refusal(
            400,
            f"response_format {wanted.response_format!r} is not made offline: ask for pcm or wav",
            "response_format",
        )
    name = None if not wanted.voice or wanted.voice in OPENAI_VOICES else wanted.voice
    sentences = [s for s in re.split(r"(?<=[.!?;:])\s+", wanted.input.strip()) if s]

    async def sound(sentence: str) -> Pcm:
        pcm = await asyncio.to_thread(voice.speak, sentence, voice=name, speed=wanted.speed)
        return await asyncio.to_thread(resample, pcm, voice.rate, RATE)

    try:
        pcm = await sound(sentences[0] if sentences else "")
    except UnknownVoice as error:
        return refusal(400, str(error), "voice")
    headers = {"Content-Type": FORMATS[wanted.response_format], "X-Sample-Rate": str(RATE)}
    if wanted.response_format == "wav":  # its header says how long it is
        pause = bytes(2 * int(PAUSE_S * RATE))
        rest = [(await sound(sentence)).tobytes() for sentence in sentences[1:]]
        whole = pause.join([pcm.tobytes(), *rest])
        return web.Response(body=_wav_header(len(whole)) + whole, headers=headers)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await faults.write(request, response, pcm.tobytes())
    for sentence in sentences[1:]:
        await faults.write(request, response, bytes(2 * int(PAUSE_S * RATE)))
        await faults.write(request, response, (await sound(sentence)).tobytes())
    return response


def _wav_header(size: int) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16,
        b"data", size,
    )  # fmt: skip
