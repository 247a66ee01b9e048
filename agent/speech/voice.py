"""Text-to-speech by a server of OpenAI's protocol, whatever it answers.

LiveKit's plugin plays every answer as the sound it asked for: JSON becomes noise at full loudness.
Here the first bytes say what came (agent/speech/answers.py), before any of it is played.
"""

from __future__ import annotations

from typing import Any

import httpx2
import openai
from livekit.agents import APIConnectOptions, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agent.http_clients import provider_errors
from agent.speech import answers
from agent.speech.answers import Answer

RATE = 24_000  # of pcm, in OpenAI's protocol
TIMEOUT = 30.0
NOTHING = bytes(2 * RATE // 50)  # 20 ms of silence, for a piece that a voice has no sound for


class Voice(tts.TTS[Any]):
    """`model` and `voice` as the server calls them."""

    def __init__(self, client: openai.AsyncClient, model: str, voice: str) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1
        )
        self.client = client
        self.voice = voice
        self.has_sounded = False
        self._model = model

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return self.client.base_url.netloc.decode()

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Piece(self, text, conn_options)

    async def aclose(self) -> None:
        await self.client.close()


class _Piece(tts.ChunkedStream):
    """One piece of a reply."""

    def __init__(self, voice: Voice, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=voice, input_text=text, conn_options=conn_options)
        self._voice = voice
        self._was_empty = False

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        client = self._voice.client
        endpoint = f"POST {client.base_url}audio/speech"
        request: Any = client.audio.speech.with_streaming_response.create(
            input=self.input_text,
            model=self._voice.model,
            voice=self._voice.voice,
            response_format="pcm",  # the default, mp3, must be decoded first
            timeout=httpx2.Timeout(TIMEOUT, connect=self._conn_options.timeout),
        )
        with provider_errors(endpoint):
            async with request as response:
                parts = response.iter_bytes()
                head = await answers.head_of(parts)
                kind = response.headers.get("content-type", "")
                form = self._form(Answer(endpoint, response.status_code, kind), head)
                output_emitter.initialize(
                    request_id=response.headers.get("x-request-id") or utils.shortuuid(),
                    sample_rate=RATE,
                    num_channels=1,
                    mime_type=form,
                )
                output_emitter.push(head or NOTHING)
                async for part in parts:
                    output_emitter.push(part)
        self._voice.has_sounded = self._voice.has_sounded or bool(head)
        output_emitter.flush()

    def _form(self, answer: Answer, head: bytes) -> str:
        """The media type. A piece without sound, from a voice that has some for others, is skipped
        when it was asked for twice: the rest of the reply shall be heard."""
        if not head and self._voice.has_sounded and self._was_empty:
            return answers.PCM
        self._was_empty = not head
        return answers.form_of_sound(answer, head)
