"""The models server's socket of the agent, its faults on purpose, its start and its end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import moonshine_voice
import openai
import pytest

from dev.models import sound
from tests.system.checkout import lives, wait_for
from tests.system.models.running import (
    ASK,
    END_LIMIT_S,
    START_LIMIT_S,
    TELL,
    Server,
    pcm,
    running,
    wav,
)

HUMAN = Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"  # read by a person
MEMORY_LIMIT_BYTES = 450 * 2**20
FRAME_BYTES = 640  # 20 ms


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


async def test_a_phrase_is_understood_in_its_place(server: Server) -> None:
    speech = sound.decode(HUMAN.read_bytes(), 16_000)

    async def second_phrase(**how: bool) -> str:
        async with listener(server) as one:
            for begins_s, ends_s, said in ((8.54, 10.62, {}), (10.62, 13.12, how)):
                await one.socket.send_json({"type": "start", **said})
                await one.hear(speech[round(begins_s * 16_000) * 2 : round(ends_s * 16_000) * 2])
                text: str = (await one.final())["text"]
        return text

    assert await second_phrase() == "It was the epoch of incredulity."
    assert await second_phrase(alone=True) != "It was the epoch of incredulity."


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


def test_who_leaves_in_the_middle_of_a_sentence_is_no_error() -> None:
    with running() as server:
        for _ in range(3):
            with httpx.stream(
                "POST", f"{server.url}/v1/audio/speech", json={"input": f"{TELL} " * 50}
            ) as answer:
                assert next(answer.iter_raw())
        heard = httpx.post(
            f"{server.url}/v1/audio/transcriptions",
            files={"file": ("a.wav", wav(TELL).read_bytes())},
        )
        assert heard.json()["text"] == TELL
        output = server.end()
    assert "Traceback" not in output
    assert " ERROR " not in output


def test_it_needs_little_memory_and_allows_no_faults_unless_told_to() -> None:
    with running() as server:
        pcm_file = wav(TELL).read_bytes()
        heard = httpx.post(
            f"{server.url}/v1/audio/transcriptions", files={"file": ("a.wav", pcm_file)}
        )
        assert heard.json()["text"] == TELL
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
