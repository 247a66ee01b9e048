"""The real models server, asked as its clients ask: OpenAI's own, and the agent's socket."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import av
import httpx
import moonshine_voice
import numpy as np
import openai
import psutil
import pytest

from dev.models import sound
from tests.running_system import ROOT, free_ports
from tests.system.checkout import lives, wait_for

PYTHON = ROOT / ".venv" / "bin" / "python"
HUMAN = Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"  # read by a person
SPOKEN = Path(__file__).parent / "spoken"
START_LIMIT_S = 60.0
END_LIMIT_S = 5.0
MEMORY_LIMIT_BYTES = 450 * 2**20
FRAME_BYTES = 640  # 20 ms
TELL, ASK = "My favorite color is green.", "What is my favorite color?"


class Server:
    """`python -m dev.models` on a port of its own."""

    def __init__(self, **settings: str) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://localhost:{self.port}"
        self.process = subprocess.Popen(
            [PYTHON, "-m", "dev.models"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "MODELS_PORT": str(self.port), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_ready(self) -> Server:
        wait_for("the models server answers", self._answers, START_LIMIT_S)
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0]
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def family(self) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it with a signal; what it printed."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=END_LIMIT_S)
        return output


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    server = Server(**settings)
    try:
        yield server.wait_ready()
    finally:
        if server.process.poll() is None:
            server.end()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(FAULTS_ENABLED="true") as one:
        yield one


@pytest.fixture
async def client(server: Server) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="none", max_retries=0
    ) as one:
        yield one


def wav(sentence: str) -> Path:
    return SPOKEN / f"{sentence.lower().rstrip('.?').replace(' ', '_')}.wav"


def pcm(sentence: str) -> bytes:
    """What a microphone hears of a sentence: a moment of quiet before and after it."""
    with wave.open(str(wav(sentence))) as file:
        spoken: bytes = file.readframes(file.getnframes())
    return bytes(9600) + spoken + bytes(3200)


class Listener:
    """One socket of `/v1/audio/transcriptions/stream`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await asyncio.wait_for(self.socket.receive_json(), 30)
            self.told.append(message)
            if message["type"] == kind:
                return message

    async def hear(self, audio: bytes) -> None:
        for start in range(0, len(audio), FRAME_BYTES):
            await self.socket.send_bytes(audio[start : start + FRAME_BYTES])

    async def paused(self) -> str:
        while not (message := await self.until("partial")).get("paused"):
            pass
        text: str = message["text"]
        return text

    async def final(self) -> dict[str, Any]:
        await self.socket.send_json({"type": "end"})
        return await self.until("final")


@asynccontextmanager
async def listener(server: Server) -> AsyncIterator[Listener]:
    url = f"{server.url}/v1/audio/transcriptions/stream"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        yield Listener(socket)


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert {model.id async for model in client.models.list()} >= {"rehearsal", "whisper"}
    assert (await client.models.retrieve("rehearsal")).id == "rehearsal"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-9")


async def test_a_file_is_transcribed(client: openai.AsyncOpenAI) -> None:
    heard = await client.audio.transcriptions.create(model="any", file=wav(TELL))
    assert heard.text == TELL


async def test_other_rates_channels_and_formats_are_transcribed(
    client: openai.AsyncOpenAI,
) -> None:
    file = io.BytesIO()
    with av.open(str(wav(ASK))) as source, av.open(file, "w", format="flac") as target:
        stream = target.add_stream("flac", rate=44_100, layout="stereo")
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=44_100)
        for frame in [*source.decode(audio=0), None]:
            for out in resampler.resample(frame):
                target.mux(stream.encode(out))
        target.mux(stream.encode(None))
    heard = await client.audio.transcriptions.create(
        model="any", file=("a.flac", file.getvalue()), response_format="verbose_json"
    )
    assert heard.text == ASK
    assert heard.duration == pytest.approx(len(pcm(ASK)) / 32_000 - 0.4, abs=0.05)


async def test_what_is_no_audio_is_refused_in_words(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot be read as audio"):
        await client.audio.transcriptions.create(model="any", file=("a.wav", b"no audio at all"))


async def test_words_come_while_they_are_spoken_and_the_text_at_the_end(server: Server) -> None:
    async with listener(server) as one:
        await one.until("ready")
        await one.socket.send_json({"type": "start"})
        await one.hear(pcm(TELL)[:54_000])
        assert "favorite" in (await one.until("partial"))["text"]
        await one.hear(pcm(TELL)[54_000:])
        final = await one.final()
        assert (final["text"], final["audio_s"]) == (TELL, round(len(pcm(TELL)) / 32_000, 3))
        await one.socket.send_json({"type": "start"})
        await one.hear(pcm(ASK))
        assert (await one.final())["text"] == ASK
        await one.socket.send_json({"type": "close"})
        assert (await one.socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_an_utterance_with_nothing_in_it_ends_with_no_text(server: Server) -> None:
    async with listener(server) as one:
        assert (await one.final())["text"] == ""
        await one.hear(bytes(32_000))
        assert (await one.final())["text"] == ""
        await one.socket.send_str("end it")
        assert (await one.until("error"))["code"] == "bad_message"
        await one.hear(pcm(ASK))
        assert (await one.final())["text"] == ASK


async def test_a_discarded_utterance_is_forgotten(server: Server) -> None:
    async with listener(server) as one:
        await one.hear(pcm(TELL))
        await one.socket.send_json({"type": "start"})
        await one.hear(pcm(ASK))
        assert (await one.final())["text"] == ASK


async def test_a_pause_is_answered_at_once_and_the_end_of_it_is_the_same_text(
    server: Server,
) -> None:
    async with listener(server) as one:
        said = pcm(TELL)
        await one.hear(said)
        await one.socket.send_json({"type": "pause"})
        assert await one.paused() == TELL
        final = await one.final()
        assert (final["text"], final["audio_s"]) == (TELL, round(len(said) / 32_000, 3))
        assert final["decode_ms"] < 20, "it was decoded while the pause was waited out"


async def test_who_goes_on_after_a_pause_is_understood_as_a_whole(server: Server) -> None:
    async with listener(server) as one:
        await one.socket.send_json({"type": "pause"})
        assert await one.paused() == ""
        await one.hear(pcm(TELL))
        await one.socket.send_json({"type": "pause"})
        assert await one.paused() == TELL
        await one.hear(pcm(ASK))
        await one.socket.send_json({"type": "pause"})
        assert await one.paused() == (await one.final())["text"] == f"{TELL} {ASK}"


async def test_an_utterance_longer_than_whispers_window_is_understood_to_its_end(
    server: Server,
) -> None:
    async with listener(server) as one:
        await one.hear(sound.decode(HUMAN.read_bytes(), 16_000))
        final = await one.final()
    assert final["audio_s"] > 40
    assert final["text"].startswith("It was the best of times, it was the worst of times.")
    assert final["text"].endswith("in the superlative degree of comparison only.")


async def test_voices_that_speak_at_once_each_get_their_own_words(server: Server) -> None:
    async def heard(sentence: str) -> str:
        async with listener(server) as one:
            for _ in range(3):
                await one.hear(pcm(sentence))
                text: str = (await one.final())["text"]
                assert text == sentence
            return text

    sentences = [TELL, ASK] * 4
    assert await asyncio.gather(*map(heard, sentences)) == sentences


async def test_speech_begins_at_once_and_an_unknown_voice_is_refused(
    client: openai.AsyncOpenAI,
) -> None:
    asked: dict[str, Any] = {"model": "any", "voice": "alloy", "input": "Hello. I am here."}
    async with client.audio.speech.with_streaming_response.create(
        **asked, response_format="pcm"
    ) as response:
        samples = np.frombuffer(await response.read(), np.int16)
    assert 1.0 < len(samples) / 24_000 < 3.0
    assert np.abs(samples[: 24_000 // 20].astype(int)).max() > 500, "silence at the beginning"
    with pytest.raises(openai.BadRequestError, match="no voice 'nobody'"):
        await client.audio.speech.create(**{**asked, "voice": "nobody"})


@pytest.mark.parametrize("name", ["", "mp3", "opus", "aac", "flac", "wav"])
async def test_speech_in_each_format_is_a_file_that_is_understood(
    client: openai.AsyncOpenAI, name: str
) -> None:
    wanted: dict[str, Any] = {"response_format": name} if name else {}
    answer = await client.audio.speech.create(model="any", voice="alloy", input=TELL, **wanted)
    with av.open(io.BytesIO(answer.content)) as file:
        assert file.streams.audio[0].codec_context.name.startswith(
            {"wav": "pcm_s16le", "": "mp3"}.get(name, name)
        )
    heard = await client.audio.transcriptions.create(model="any", file=("a", answer.content))
    assert heard.text == TELL


async def test_speech_as_events_is_the_same_sound(client: openai.AsyncOpenAI) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model="any", voice="ash", input=TELL, response_format="pcm", stream_format="sse"
    ) as response:
        assert response.headers["content-type"] == "text/event-stream"
        events = [
            json.loads(line.removeprefix("data: "))
            async for line in response.iter_lines()
            if line.startswith("data: ")
        ]
    assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert await understood(client, sound) == TELL
    assert events[-1]["usage"]["total_tokens"] > 0


async def understood(client: openai.AsyncOpenAI, samples: bytes) -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(24_000)
        out.writeframes(samples)
    heard = await client.audio.transcriptions.create(model="any", file=("a.wav", file.getvalue()))
    return heard.text


async def test_a_text_is_spoken_as_a_person_would_read_it(client: openai.AsyncOpenAI) -> None:
    answer = await client.audio.speech.create(
        model="any",
        voice="ash",
        input="**Dr. Brown** 😀 paid $20.50 at [the museum](https://example.com/a?b=1).",
        response_format="pcm",
    )
    heard = (await understood(client, answer.content)).lower()
    assert "brown" in heard
    assert "20" in heard
    assert "museum" in heard
    assert not any(word in heard for word in ("asterisk", "example", "slash", "bracket", "grin"))


async def test_speech_is_slower_or_faster_and_a_text_without_words_is_a_moment_of_silence(
    client: openai.AsyncOpenAI,
) -> None:
    async def seconds(text: str, speed: float) -> float:
        answer = await client.audio.speech.create(
            model="any", voice="ash", input=text, response_format="pcm", speed=speed
        )
        return len(answer.content) / 48_000

    usual, slow, fast = [await seconds(TELL, speed) for speed in (1.0, 0.5, 1.5)]
    assert slow == pytest.approx(2 * usual, rel=0.2)
    assert fast == pytest.approx(usual / 1.5, rel=0.2)
    assert await seconds("...", 1.0) == pytest.approx(0.1)


async def test_chat_streams_a_tool_call_then_words_with_the_usage(
    client: openai.AsyncOpenAI,
) -> None:
    human = "<memory_blocks>\n<human>\n<value>\nname: Ada\n</value>\n</human>\n</memory_blocks>"
    messages: list[Any] = [
        {"role": "system", "content": human},
        {"role": "user", "content": TELL},
    ]
    tool: Any = {"type": "function", "function": {"name": "memory_insert", "parameters": {}}}
    arguments, reason, call_id = "", None, None
    async for chunk in await client.chat.completions.create(
        model="rehearsal", messages=messages, tools=[tool], stream=True
    ):
        choice = chunk.choices[0]
        for call in choice.delta.tool_calls or []:
            assert call.function is not None
            arguments += call.function.arguments or ""
            call_id = call.id or call_id
        reason = choice.finish_reason or reason
    written = json.loads(arguments)
    assert (written["label"], written["new_string"]) == ("human", "favorite color: green")
    assert reason == "tool_calls"
    function = {"name": "memory_insert", "arguments": arguments}
    messages += [
        {
            "role": "assistant",
            "tool_calls": [{"id": call_id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call_id, "content": '{"status": "OK"}'},
    ]
    parts, usage = [], None
    async for chunk in await client.chat.completions.create(
        model="rehearsal",
        messages=messages,
        tools=[tool],
        stream=True,
        stream_options={"include_usage": True},
    ):
        parts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        usage = chunk.usage or usage
    assert "favorite color is green" in "".join(parts)
    assert len(parts) > 5, "word by word"
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


async def test_embeddings_are_near_for_texts_that_are_alike(client: openai.AsyncOpenAI) -> None:
    texts = ["I like green tea", "green tea is what I like", "the train to Rome was late"]
    answer = await client.embeddings.create(model="any", input=texts)
    one, alike, other = (np.array(item.embedding) for item in answer.data)
    assert len(one) == 1536
    assert one @ alike > 0.5 > one @ other + 0.2
    short = await client.embeddings.create(model="any", input=texts[0], dimensions=64)
    assert len(short.data[0].embedding) == 64


async def test_bad_requests_are_refused_in_openais_shape(server: Server) -> None:
    async with aiohttp.ClientSession(f"{server.url}/v1/") as http:
        for path, body, status in [
            ("chat/completions", b"{", 400),
            ("chat/completions", b'{"messages": []}', 400),
            ("chat/completions", b'{"messages": 1}', 400),
            ("chat/completions", b'{"messages": [{"role": "user", "tool_calls": [1]}]}', 400),
            ("embeddings", b'{"input": []}', 400),
            ("audio/speech", b'{"input": 1}', 400),
            ("audio/transcriptions", b"{}", 400),
            ("audio/speech", b" " * 27 * 2**20, 413),
            ("nowhere", b"", 404),
        ]:
            async with http.post(path, data=io.BytesIO(body)) as response:
                assert response.status == status, path
                assert (await response.json())["error"]["message"], path


async def test_only_programs_of_this_machine_are_answered(server: Server) -> None:
    async with aiohttp.ClientSession(server.url) as http:
        for headers, status in [
            ({"Host": f"[::1]:{server.port}"}, 200),
            ({"Host": "evil.example"}, 403),
            ({"Origin": "http://localhost:9000"}, 200),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "null"}, 403),
        ]:
            async with http.get("/v1/models", headers=headers) as response:
                assert response.status == status, headers


async def test_faults_happen_as_often_as_they_were_asked_for(
    server: Server, client: openai.AsyncOpenAI
) -> None:
    async with aiohttp.ClientSession(server.url) as http:

        async def fault(**what: object) -> None:
            async with http.post("/faults", json=what) as set_:
                assert set_.status == 201, await set_.text()

        await fault(endpoint="embeddings", status=503, times=1)
        with pytest.raises(openai.InternalServerError, match="on purpose"):
            await client.embeddings.create(model="any", input="a")
        await client.embeddings.create(model="any", input="a")

        await fault(endpoint="transcriptions", empty=True, times=1)
        heard = await client.audio.transcriptions.create(model="any", file=wav(TELL))
        assert heard.text == ""

        await fault(endpoint="chat", reset=True, times=1)
        with pytest.raises(openai.APIConnectionError):
            await client.chat.completions.create(
                model="r", messages=[{"role": "user", "content": "hi"}], timeout=5
            )

        await fault(endpoint="speech", stall_after_bytes=1000, times=1)
        asked = {"input": "hello", "response_format": "pcm"}
        async with http.post("/v1/audio/speech", json=asked) as response:
            assert len(await response.content.readexactly(1000)) == 1000
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(response.content.readany(), 0.3)

        await fault(endpoint="speech", silent=True, times=1)
        async with http.post("/v1/audio/speech", json=asked) as response:
            spoken = await response.read()
            assert len(spoken) > 10_000 and not any(spoken)

        async with listener(server) as one:
            await one.until("ready")
            await fault(endpoint="stream", empty=True, times=1)
            await one.hear(pcm(ASK))
            assert (await one.final())["text"] == ""
            await one.hear(pcm(ASK))
            assert (await one.final())["text"] == ASK

        async with http.post("/faults", json={"endpoint": "nowhere"}) as refused:
            assert refused.status == 400
        async with http.delete("/faults") as cleared:
            assert await cleared.json() == []


def test_it_ends_with_all_its_processes_however_it_is_ended() -> None:
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)):
        with running() as server:
            family = server.family
            began = time.monotonic()
            output = server.end(number)
            assert (server.process.returncode, "Traceback" in output) == (code, False), output
            assert time.monotonic() - began < END_LIMIT_S
            wait_for("nothing is left", lambda: not any(map(lives, family)), END_LIMIT_S)  # noqa: B023


def test_it_needs_little_memory_and_allows_no_faults_unless_told_to() -> None:
    with running() as server:
        pcm_file = wav(TELL).read_bytes()
        heard = httpx.post(
            f"{server.url}/v1/audio/transcriptions", files={"file": ("a.wav", pcm_file)}
        )
        assert heard.json() == {"text": TELL}
        used = sum(process.memory_full_info().pss for process in server.family)
        assert used < MEMORY_LIMIT_BYTES, f"{used / 2**20:.0f} MB"
        assert httpx.post(f"{server.url}/faults", json={"endpoint": "chat"}).status_code == 404


def test_a_wrong_setting_or_a_taken_port_is_one_sentence() -> None:
    wrong = Server(MODELS_SPEED="165")
    output, _ = wrong.process.communicate(timeout=START_LIMIT_S)
    assert wrong.process.returncode == 2
    assert "MODELS_SPEED" in output
    assert "165" in output
    assert len(output.splitlines()) == 1
    with running() as first:
        second = Server(MODELS_PORT=str(first.port))
        output, _ = second.process.communicate(timeout=START_LIMIT_S)
        assert second.process.returncode == 1
        assert f"port {first.port} cannot be opened" in output
        assert "Traceback" not in output
