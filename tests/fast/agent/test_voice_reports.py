"""Each try of the voice that fails is told, with what kind of failure it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import openai
import pytest
from aiohttp import web
from livekit.agents import APIConnectOptions, APIError, tts

from agent import http_clients
from agent.provider_limiter import ProviderLimiter
from agent.settings import AgentSettings
from agent.speech.providers import make_tts
from tests.fast.agent.kept_events import collected, heard_reports

OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=2)
HALF_A_SECOND = bytes(24_000)
STALLED = 299


@dataclass
class VoiceServer:
    """Answers with these statuses, one after the other; 200 is half a second of silence, STALLED
    half of that and then nothing."""

    url: str
    statuses: list[int]
    retry_after: str = ""
    asked: int = 0


@pytest.fixture
async def server() -> AsyncIterator[VoiceServer]:
    made = VoiceServer("", [])
    over = asyncio.Event()

    async def speech(request: web.Request) -> web.StreamResponse:
        made.asked += 1
        status = made.statuses.pop(0)
        if status == STALLED:
            stalled = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
            await stalled.prepare(request)
            await stalled.write(HALF_A_SECOND[:12_000])
            await over.wait()
            return stalled
        headers = {"Retry-After": made.retry_after} if made.retry_after else {}
        body = HALF_A_SECOND if status == 200 else b""
        return web.Response(status=status, body=body, content_type="audio/pcm", headers=headers)

    app = web.Application()
    app.add_routes([web.post("/v1/audio/speech", speech)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    over.set()
    await runner.cleanup()


@pytest.fixture(autouse=True)
async def clients(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Closed with the test; those of a call end with its process."""
    made: list[openai.AsyncClient] = []
    make = http_clients.openai_client

    def noted(base_url: str, key: str | None, limiter: ProviderLimiter) -> openai.AsyncClient:
        made.append(make(base_url, key, limiter))
        return made[-1]

    monkeypatch.setattr(http_clients, "openai_client", noted)
    yield
    for one in made:
        await one.close()


async def spoken(voice: tts.TTS[str]) -> float:
    """Seconds of sound."""
    async with voice.synthesize("hello", conn_options=OPTIONS) as stream:
        return sum([one.frame.duration async for one in stream])


async def test_a_voice_that_report_stall_in_a_sentence_is_asked_again(
    server: VoiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_clients, "SPEECH_SILENCE", 0.2)
    events, told = collected()
    reports, _ = heard_reports(events)
    voice = make_tts(AgentSettings(models_url=server.url), reports)
    server.statuses = [STALLED, 200]
    async with asyncio.timeout(5):  # livekit-agents' plugin alone waits for 30 s
        assert await spoken(voice) >= 0.5
    assert [one["data"]["kind"] for one in told] == ["timeout"]


async def test_each_try_is_told(server: VoiceServer) -> None:
    events, told = collected()
    reports, _ = heard_reports(events)
    voice = make_tts(AgentSettings(models_url=server.url), reports)

    server.statuses = [503, 200]
    assert await spoken(voice) == pytest.approx(0.5, abs=0.1)
    server.statuses = [429, 429]
    with pytest.raises(APIError):
        await spoken(voice)
    server.statuses = [401]  # which no second try can help
    with pytest.raises(APIError):
        await spoken(voice)

    assert {(one["stage"], one["name"]) for one in told} == {("speak", "error")}
    tries = [
        (
            one["data"]["attempt"],
            one["data"]["kind"],
            one["data"]["status"],
            one["data"]["recoverable"],
        )
        for one in told
    ]
    assert tries == [
        (1, "status", 503, True),
        (1, "rate-limited", 429, True),
        (2, "rate-limited", 429, False),
        (1, "rejected", 401, False),
    ]
    assert all(one["data"]["provider"].startswith("127.0.0.1") for one in told)


async def test_an_answer_without_sound(server: VoiceServer) -> None:
    events, told = collected()
    reports, _ = heard_reports(events)
    voice = make_tts(AgentSettings(models_url=server.url), reports)
    server.statuses = [204, 204]
    with pytest.raises(APIError):
        await spoken(voice)
    assert [one["data"]["kind"] for one in told] == ["empty", "empty"]


async def test_a_voice_that_wants_to_be_left_alone_is(server: VoiceServer) -> None:
    """livekit-agents tries again at once, whatever the server asks for."""
    events, told = collected()
    reports, _ = heard_reports(events)
    voice = make_tts(AgentSettings(models_url=server.url), reports)
    server.statuses, server.retry_after = [429, 200], "30"
    with pytest.raises(APIError):
        await spoken(voice)
    assert server.asked == 1
    first, second = (one["data"] for one in told)
    assert (first["kind"], first["retry_after"]) == ("rate-limited", 30.0)
    assert (second["kind"], second["recoverable"]) == ("rate-limited", False)
    assert "wants to be asked again in" in second["message"]
