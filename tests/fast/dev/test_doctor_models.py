"""The doctor calls each model once, and tries the calls database without changing it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from dev.doctor import health_lines
from dev.doctor.model_calls import LOCAL_MODELS, Models, tone, wav
from proxy.probes.providers import CHAT
from proxy.probes.question import new_session
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult
from tests.odd_answers import SPOKEN, TRANSCRIPTIONS, UNDERSTOOD, VOICES
from tests.odd_server import OddAnswer, odd_server


def database(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("CREATE TABLE calls (id TEXT)")
    return made


async def test_the_calls_database_is_tried_without_making_or_changing_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    settings = ProxySettings(calls_database=path)

    assert (await health_lines.database(settings)).ok
    assert not path.exists()

    made = database(path)
    probe = await health_lines.database(settings)
    assert probe.ok
    assert "calls in it: 0" in probe.detail

    made.execute("BEGIN EXCLUSIVE")
    assert (await health_lines.database(settings)).problem == "locked"
    made.close()

    path.write_bytes(b"no database" * 1000)
    assert (await health_lines.database(settings)).problem == "other"


async def test_a_postgres_that_is_not_there_is_told() -> None:
    address = SecretStr("postgresql://u:hidden@127.0.0.1:1/calls")
    probe = await health_lines.database(ProxySettings(database_url=address))

    assert probe.problem == "refused"
    assert "hidden" not in repr(probe)


class OpenAi:
    """A provider as its own documentation describes it; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self.stalls = False
        self.sound = tone()
        self.text: object = "hm"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self.asked.append(path)
        if self.status != 200:
            told = {"error": {"message": "Incorrect API key provided: sk-made-up-0123456789"}}
            return web.json_response(told, status=self.status)
        if path == "audio/transcriptions":
            form = await request.post()
            recording = form["file"]
            assert isinstance(recording, web.FileField)
            assert recording.file.read() == wav()
            return web.json_response({"text": self.text})
        if path == "audio/speech":
            return web.Response(body=self.sound)
        if path == "embeddings":
            return web.json_response({"data": [{"embedding": [0.1, 0.2]}]})
        return web.json_response({"choices": [{"message": {"role": "assistant"}}]})


async def ask(provider: OpenAi, *, outside: bool = True) -> dict[str, ProbeResult]:
    async with TestServer(provider.app()) as server, new_session() as session:
        settings = ProxySettings(
            speech="openai",
            openai_api_key=SecretStr("sk-made-up-0123456789"),
            openai_base_url=f"http://127.0.0.1:{server.port}/v1",
        )
        facts = Models(settings, session, outside=outside, letta=True).facts()
        results = [await fact.ask() for fact in facts]
        return {result.name: result for result in results if result is not None}


async def test_each_model_is_called_once_and_timed() -> None:
    provider = OpenAi()

    probes = await ask(provider)

    assert sorted(provider.asked) == [
        "audio/speech",
        "audio/transcriptions",
        "chat/completions",
        "embeddings",
    ]
    assert all(probe.ok and probe.ms for probe in probes.values()), probes


@pytest.mark.parametrize(
    ("status", "problem"), [(401, "rejected"), (429, "rate-limited"), (500, "status")]
)
async def test_a_model_that_refuses_is_told_by_a_code(status: int, problem: str) -> None:
    provider = OpenAi()
    provider.status = status

    assert {probe.problem for probe in (await ask(provider)).values()} == {problem}


async def test_a_voice_that_says_nothing_does_not_work() -> None:
    provider = OpenAi()
    provider.sound = b""

    probe = (await ask(provider))["text-to-speech"]

    assert probe.problem == "other"
    assert "nothing" in probe.detail


async def test_a_voice_that_sends_silence_does_not_work() -> None:
    provider = OpenAi()
    provider.sound = b"\0\0" * 24_000

    probe = (await ask(provider))["text-to-speech"]

    assert probe.problem == "other"
    assert "1.0 s of sound, all of it silent" in probe.detail


@pytest.mark.parametrize("sound", [b'{"error": "no such voice"}', b"<html>Sign in</html>"])
async def test_a_voice_that_answers_no_sound_does_not_work(sound: bytes) -> None:
    provider = OpenAi()
    provider.sound = sound

    probe = (await ask(provider))["text-to-speech"]

    assert probe.problem == "other"
    assert "/audio/speech answered 200 with" in probe.detail and "expected sound" in probe.detail


@pytest.mark.parametrize("text", [None, 7, ["a"]])
async def test_a_text_that_is_none_is_not_what_was_heard(text: object) -> None:
    provider = OpenAi()
    provider.text = text

    probe = (await ask(provider))["speech-to-text"]

    assert probe.problem == "other"
    assert "/audio/transcriptions answered 200 with" in probe.detail


async def test_models_elsewhere_are_not_called_when_that_is_not_wanted() -> None:
    async with new_session() as session:
        settings = ProxySettings(speech="openai", openai_api_key=SecretStr("x"))
        assert Models(settings, session, outside=False, letta=True).facts() == []


MADE_OF = {"transcriptions": "speech-to-text", "speech": "text-to-speech"}
SOON = ("whole", "cut", "chunks cut", "endless", "reset", "redirects")  # the rest is a time limit


@pytest.mark.parametrize(
    "odd", [odd for odd in (*TRANSCRIPTIONS, *VOICES) if odd.how in SOON], ids=lambda odd: odd.name
)
async def test_the_doctor_says_of_odd_answers_what_the_agent_says(odd: OddAnswer) -> None:
    async with odd_server(UNDERSTOOD, SPOKEN) as server, new_session() as session:
        server.answers[odd.endpoint] = odd
        settings = ProxySettings(
            speech="openai", openai_api_key=SecretStr("sk-made-up"), openai_base_url=server.url
        )
        facts = Models(settings, session, outside=True, letta=False).facts()
        probes = {fact.name: await fact.ask() for fact in facts}
    probe = probes[MADE_OF[odd.endpoint]]
    assert probe is not None
    if odd.said and odd.name not in DOCTOR_CANNOT_TELL:
        assert not probe.ok, probe.detail
        assert "Traceback" not in probe.detail and len(probe.detail) < 600
    elif not odd.said:
        assert probe.ok, probe.detail


# It does not decode files, and reads the beginning only.
DOCTOR_CANNOT_TELL = {"MP3 without sound"}


@pytest.mark.parametrize("path", ["chat/completions", "embeddings"])
async def test_a_page_is_no_answer_of_a_model(path: str) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    provider = OpenAi()
    app = web.Application()
    app.router.add_post(f"/v1/{path}", page)
    app.router.add_post("/v1/{path:.*}", provider.answer)
    provider.app = lambda: app  # type: ignore[method-assign]
    probe = (await ask(provider))["embeddings" if path == "embeddings" else CHAT]
    assert not probe.ok and "Sign in" in probe.detail and "expected JSON" in probe.detail


async def test_every_model_has_its_place_among_the_doctors_lines() -> None:
    async with new_session() as session:
        for chat in ("offline", "local", "openai"):
            settings = ProxySettings(chat_provider=chat, openai_api_key=SecretStr("x"))
            for fact in Models(settings, session, outside=True, letta=True).facts():
                assert health_lines.GROUP_OF[fact.name] == "models"


async def test_the_models_of_this_machine_are_told() -> None:
    async def found(_: web.Request) -> web.Response:
        server = {
            "server": "ollama",
            "url": "http://127.0.0.1:11434/v1",
            "models": ["qwen3:4b", "llama3.2:1b"],
            "first_word_ms": 340,
            "calls_tools": True,
            "embeddings": ["nomic-embed-text"],
            "vector_ms": None,
        }
        return web.json_response({"where": "127.0.0.1:11434", "servers": [server]})

    app = web.Application()
    app.router.add_get("/local-models", found)
    async with TestServer(app) as server, new_session() as session:
        settings = ProxySettings(models_url=f"http://127.0.0.1:{server.port}/v1")
        facts = Models(settings, session, outside=True, letta=True).facts()
        (told,) = [await fact.ask() for fact in facts if fact.name == LOCAL_MODELS]
    assert told is not None and told.ok
    assert "qwen3:4b (first word after 340 ms, calls tools) and 1 more, " in told.detail
    assert "nomic-embed-text (no vector within 3 s: " in told.detail
