"""Whatever text-to-speech answers: what is no sound is never played, and it is said what came."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit.agents import APIConnectOptions, APIError

from agent import http_clients
from agent.provider_limiter import ProviderLimiter
from agent.settings import AgentSettings
from agent.speech.reports import Reports
from agent.speech.voice import Voice
from common.failures import words
from tests.odd_answers import PCM, RATE, SECONDS, SPOKEN, VOICES
from tests.odd_server import OddAnswer, OddServer, odd_server

TWICE = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=2.0)
NOTHING = OddAnswer("nothing", "speech", b"")


@pytest.fixture
async def server() -> AsyncIterator[OddServer]:
    async with odd_server(SPOKEN) as made:
        yield made


@pytest.fixture
async def voice(server: OddServer) -> AsyncIterator[Voice]:
    limiter = ProviderLimiter("speak", "text-to-speech", AgentSettings(), Reports())
    made = Voice(http_clients.openai_client(server.url, None, limiter), "tts", "alloy")
    yield made
    await made.aclose()


async def spoken(voice: Voice, text: str) -> np.ndarray:
    """The samples of what it says."""
    async with voice.synthesize(text, conn_options=TWICE) as stream:
        frames = [event.frame async for event in stream]
    return np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])


@pytest.mark.parametrize("odd", VOICES, ids=lambda odd: odd.name)
async def test_whatever_a_voice_answers(voice: Voice, server: OddServer, odd: OddAnswer) -> None:
    server.answers["speech"] = odd
    if odd.said:
        with pytest.raises(APIError) as raised:
            await spoken(voice, "Hello.")
        said = words(raised.value)
        assert all(part in said for part in odd.said), said
        assert len(said) < 500
    else:
        samples = await spoken(voice, "Hello.")
        assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.1)
        assert 6000 < np.abs(samples).max() < 10_000, "as loud as it was sent"
    del server.answers["speech"]
    assert len(await spoken(voice, "Hello.")) >= len(PCM) // 2, "the next piece is spoken"


async def test_a_piece_without_sound_is_skipped_when_the_voice_works_otherwise(
    voice: Voice, server: OddServer
) -> None:
    assert len(await spoken(voice, "Hello."))
    server.answers["speech"] = NOTHING
    assert not np.any(await spoken(voice, "Hmpf."))
    assert server.asked.count("speech") == 3, "it was asked for once more"
