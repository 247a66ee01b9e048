"""Whatever speech-to-text answers: it is said what came, and the next utterance is understood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit.agents import APIConnectOptions, stt

from agent import http_clients
from agent.settings import AgentSettings
from agent.speech import stt_requests
from agent.speech.overlap import Overlap
from agent.speech.providers import make_stt
from agent.speech.vad import SharedVAD
from tests.fast.agent.hearing import END, START, Detector, frame
from tests.fast.agent.kept_events import collected, heard_reports
from tests.odd_answers import TRANSCRIPTIONS, UNDERSTOOD
from tests.odd_server import OddAnswer, OddServer, odd_server

PATIENCE = 5.0
ONCE = APIConnectOptions(max_retry=0, timeout=2.0)
MUCH = 4 * 1024 * 1024


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OddServer]:
    monkeypatch.setattr(http_clients, "SPEECH_SILENCE", 0.3)
    monkeypatch.setattr(stt_requests, "SPEECH_SILENCE", 0.3)
    async with odd_server(UNDERSTOOD) as made:
        yield made


class Caller:
    """Says something to an agent that listens, again and again."""

    def __init__(self, server: OddServer) -> None:
        self.events, self.told = collected()
        reports, self.degraded = heard_reports(self.events)
        self._detector = SharedVAD(Detector())
        settings = AgentSettings(speech="openai", openai_base_url=server.url)
        self._stt = make_stt(settings, self._detector, Overlap(reports), reports)
        self.stream = self._stt.stream(conn_options=ONCE)

    async def say(self) -> str:
        """What is understood of it."""
        for one in (START, END):
            for listener in self._detector.listeners:
                listener(one)
            self.stream.push_frame(frame(0.2))
            await asyncio.sleep(0)
        event: stt.SpeechEvent = await asyncio.wait_for(anext(self.stream), PATIENCE)
        return event.alternatives[0].text

    def errors(self) -> list[str]:
        return [
            event["data"]["message"]
            for event in self.told
            if (event["stage"], event["name"]) == ("transcribe", "error")
        ]

    async def aclose(self) -> None:
        await self.stream.aclose()
        client = self._stt.inner._client  # type: ignore[attr-defined]
        await client.close()


@pytest.mark.parametrize("odd", TRANSCRIPTIONS, ids=lambda odd: odd.name)
async def test_whatever_speech_to_text_answers(server: OddServer, odd: OddAnswer) -> None:
    caller = Caller(server)
    await asyncio.sleep(0)
    server.answers["transcriptions"] = odd
    assert await caller.say() == odd.text
    if odd.said:
        assert len(caller.errors()) == 1, "it is said once"
        message = caller.errors()[0]
        assert all(part in message for part in odd.said), message
        assert len(message) < 500, "and in few words"
        assert [degraded.what for degraded in caller.degraded] == ["speech-to-text"]
        assert all(part in caller.degraded[0].error for part in odd.said)
    else:
        assert caller.errors() == []
    assert server.sent < MUCH, "no more is read than can be a transcript"
    del server.answers["transcriptions"]
    assert await caller.say() == UNDERSTOOD.text, "the next utterance is understood"
    await caller.aclose()
