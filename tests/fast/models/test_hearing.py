"""Speech-to-text without its model: what is cut, what goes in circles, and what is said when there
is no model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from dev.doctor.model_calls import wav
from dev.models import weights
from dev.models.app import make_app
from dev.models.hearing import speech_trace
from dev.models.hearing.decode_queue import Client, Urgency
from dev.models.hearing.listening import Listening
from dev.models.hearing.repetition import is_loop, said_once
from dev.models.hearing.speech_trace import WINDOW
from dev.models.hearing.utterance import Utterance
from dev.models.hearing.whisper import RATE, Heard, Samples
from dev.models.settings import ModelsSettings
from dev.models.weights import NoWeights, Weights
from tests.running_system import free_ports

MISSING = "The weights are missing: put them into FOLDER"


@pytest.mark.parametrize(
    ("tokens", "loop"),
    [
        ([], False),
        ([1, 2, 3, 4, 5, 6], False),
        ([1, 1, 1], False),  # "no no no"
        ([1, 2, 1, 2, 1, 2], False),
        ([9, 1, 2, 1, 2, 1, 2, 1, 2], True),
        ([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], True),
        ([7, 1, 2, 3, 4, 5, 1, 2, 3, 4, 6], False),
        ([1, 2, 3, 4, 5, 6, 7] * 30, True),
    ],
)
def test_a_text_that_goes_in_circles(tokens: list[int], loop: bool) -> None:
    assert is_loop(tokens) is loop


@pytest.mark.parametrize(
    ("tokens", "left"),
    [
        ([1, 2, 3, 1, 2, 3], [1, 2, 3, 1, 2, 3]),  # people say things twice
        ([1, 2, 3, 1, 2, 3, 1, 2, 3], [1, 2, 3]),
        ([9, 1, 2, 1, 2, 1, 2, 1, 8], [9, 1, 2, 1, 8]),
        ([9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2], [9, 1, 2, 3]),  # the last time is cut off
        ([5] * 30, [5]),
        ([], []),
    ],
)
def test_a_loop_that_stays_is_said_once(tokens: list[int], left: list[int]) -> None:
    assert said_once(tokens) == left


class LoudIsSpeech:
    """Stands in for the detector: what is loud is speech."""

    def predict(self, pcm: Any) -> float:
        return 0.95 if np.abs(pcm).max() > 1000 else 0.02


class Ear(Listening):
    """Stands in for the model: each stretch of sound is `a-b`, in tenths of a second."""

    def __init__(self) -> None:
        super().__init__(ModelsSettings())
        self.decoded: list[str] = []

    async def run(self, client: Client, urgency: Urgency, work: Callable[[], Any]) -> Any:
        return work()

    def decode(self, samples: Samples, *, at: float, **_: Any) -> Heard:
        end = at + len(samples) / RATE
        self.decoded.append(f"{at * 10:.0f}-{end * 10:.0f}")
        return Heard(self.decoded[-1], at, end)


def speech(seconds: float) -> bytes:
    return np.full(int(seconds * RATE), 5000, np.int16).tobytes()


def quiet(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    monkeypatch.setattr(speech_trace, "VAD", LoudIsSpeech)
    return Ear()


async def test_only_where_somebody_speaks_is_decoded_and_silence_since_costs_nothing(
    ear: Ear,
) -> None:
    utterance = Utterance(ear, Client())
    assert await utterance.text(Urgency.AWAITED) == ""
    utterance.hear(quiet(2.0) + speech(1.0))
    assert utterance.goes_on
    utterance.hear(quiet(0.2))
    assert not utterance.goes_on
    heard = await utterance.text(Urgency.AWAITED)
    assert heard == "16-32"
    utterance.hear(quiet(3.0))
    assert await utterance.text(Urgency.AWAITED) == heard
    assert ear.decoded == [heard]
    utterance.hear(speech(1.0))
    assert await utterance.text(Urgency.AWAITED) == "16-72"


async def test_a_click_is_not_decoded(ear: Ear) -> None:
    utterance = Utterance(ear, Client())
    utterance.hear(quiet(30 * WINDOW / RATE) + speech(2 * WINDOW / RATE) + quiet(1.0))
    assert await utterance.understood(Urgency.AWAITED) == []
    assert ear.decoded == []


async def test_a_long_utterance_is_cut_in_its_silences_and_each_piece_decoded_once(
    ear: Ear,
) -> None:
    utterance = Utterance(ear, Client())
    for _ in range(6):
        utterance.hear(speech(15.0) + quiet(0.5))
        await utterance.text(Urgency.AWAITED)
    pieces = await utterance.understood(Urgency.AWAITED)
    assert [piece.end - piece.start for piece in pieces] == pytest.approx([15.4] * 6, abs=0.5)
    whole = [piece.text for piece in pieces]
    assert [each for each in ear.decoded if each in whole] == whole, "none twice"
    assert utterance.seconds == 93.0


async def test_speech_without_any_silence_is_cut_all_the_same(ear: Ear) -> None:
    utterance = Utterance(ear, Client())
    utterance.hear(speech(65.0))
    pieces = await utterance.understood(Urgency.AWAITED)
    assert all(piece.end - piece.start <= 24.0 for piece in pieces)
    assert (pieces[0].start, round(pieces[-1].end)) == (0.0, 65)


@pytest.fixture
async def deaf(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aiohttp.ClientSession]:
    """A models server whose weights cannot be had."""

    def cannot(_: Weights) -> NoReturn:
        raise NoWeights(MISSING)

    monkeypatch.setattr(weights, "get", cannot)
    (port,) = free_ports(1)
    runner = web.AppRunner(make_app(ModelsSettings()), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
    finally:
        await runner.cleanup()


async def test_without_a_model_the_rest_is_served_and_what_is_missing_is_said(
    deaf: aiohttp.ClientSession,
) -> None:
    async with deaf.ws_connect("/v1/audio/transcriptions/stream") as socket:
        told = await socket.receive_json()
        assert told == {"type": "error", "code": "no_model", "message": MISSING}
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1013)
    form = aiohttp.FormData()
    form.add_field("file", wav(), filename="a.wav")
    async with deaf.post("/v1/audio/transcriptions", data=form) as answer:
        assert answer.status == 503
        assert (await answer.json())["error"]["message"] == MISSING
    async with deaf.get("/health") as answer:
        assert answer.status == 200
        health = await answer.json()
        assert health["speech_to_text"] == health["text_to_speech"] == "missing"
        assert health["problem"] == f"{MISSING} {MISSING}"
    async with deaf.post("/v1/audio/speech", json={"input": "hello"}) as answer:
        assert answer.status == 503
        assert (await answer.json())["error"]["message"] == MISSING
    async with deaf.post("/v1/embeddings", json={"input": "a"}) as answer:
        assert answer.status == 200
