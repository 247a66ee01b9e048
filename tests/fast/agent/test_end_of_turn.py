"""When a caller who pauses has finished: words, sound, and texts that are awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from livekit.agents import llm
from livekit.agents.vad import VADEventType

from agent.settings import AgentSettings
from agent.speech.end_of_turn import JUDGED_AFTER, EndOfTurn, sounds_unfinished
from agent.speech.overlap import Overlap
from agent.speech.stt_requests import RequestSTT
from agent.speech.vad import SharedVAD
from tests.fast.agent.hearing import START, Detector, Recorder, event, frame
from tests.fast.agent.kept_events import collected, heard_reports


class Model:
    """The models server's side: answers what the test wants."""

    def __init__(self) -> None:
        self.answers: list[Any] = []  # one after another: probabilities, or what is odd
        self.status = 200
        self.asked: list[int] = []  # with how many bytes
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(len(await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = {"probability": answer} if isinstance(answer, float) else answer
        return web.json_response(body, status=self.status)


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    model = Model()
    app = web.Application()
    app.add_routes([web.post("/v1/audio/end-of-turn", model.answer)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    model.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield model
    await runner.cleanup()


class Call:
    """A caller whose pauses the test makes, and who asks whether a text ends the turn."""

    def __init__(self, model: Model) -> None:
        events, self.told = collected()
        reports, self.degraded = heard_reports(events)
        self.detector = SharedVAD(Detector())
        self.stt = RequestSTT(Recorder(), self.detector, Overlap(reports), "en", reports, 5)
        settings = AgentSettings(models_url=model.url)
        self.end_of_turn = EndOfTurn(settings, self.stt, self.detector, reports)

    def pauses(self) -> None:
        self.detector.heard(frame(0.5, 5000))
        self.detect(VADEventType.INFERENCE_DONE, speech=0.03)
        self.detect(VADEventType.INFERENCE_DONE, silence=JUDGED_AFTER)

    def detect(self, kind: VADEventType, **how: float) -> None:
        one = event(kind, **how)
        one.speaking = True
        for listener in self.detector.listeners:
            listener(one)

    async def has_finished(self, text: str) -> float:
        context = llm.ChatContext.empty()
        context.add_message(role="user", content=text)
        return await self.end_of_turn.predict_end_of_turn(context)


@pytest.fixture
async def call(model: Model) -> AsyncIterator[Call]:
    call = Call(model)
    yield call
    await call.end_of_turn.aclose()


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("my favorite color is", True),
        ("i like tea and", True),
        ("My name is Peter and I...", True),
        ("It was the best of times,", True),
        ("I would like to book a t-", True),
        ("I went to the.", True),
        ("Yes, it is.", False),
        ("my favorite color is green", False),
        ("My favorite color is green.", False),
        ("what is that", False),
        ("\u4f60\u597d\u3002", False),
        ("", False),
    ],
)
def test_words_that_sound_unfinished(text: str, unfinished: bool) -> None:
    assert sounds_unfinished(text) is unfinished


def test_where_full_stops_are_written_a_text_without_one_is_unfinished() -> None:
    assert sounds_unfinished("Please call me", punctuated=True)
    assert not sounds_unfinished("Please call me tomorrow.", punctuated=True)


@pytest.mark.parametrize(
    ("text", "probability", "delay"),
    [
        ("How are you today?", 0.9, 0.3),
        ("It was the best of times.", 0.6, 0.6),
        ("It was the best of times.", 0.3, 0.96),
        ("It was the best of times.", 0.1, 1.2),
        ("My name is Peter and", 0.99, 1.5),
        ("How do I get to the?", 0.99, 1.5),
        ("Yesterday.", 0.99, 0.6),
        ("Yes.", 0.1, 0.48),
        ("No thanks.", 0.1, 0.48),
        ("Yes.", 0.9, 0.3),
    ],
)
async def test_the_less_it_sounds_finished_the_longer_is_the_delay(
    call: Call, model: Model, text: str, probability: float, delay: float
) -> None:
    model.answers = [probability]
    call.pauses()
    began = time.monotonic()
    finished = await call.has_finished(text)
    assert finished == (0.0 if delay == 1.5 else 1.0), "LiveKit waits for the longest itself"
    if finished:
        assert JUDGED_AFTER + time.monotonic() - began == pytest.approx(delay, abs=0.15)
    assert model.asked == [16_000], "half a second of sound, asked for once"
    (told,) = [one["data"] for one in call.told if one["name"] == "end_of_turn"]
    assert told == {"delay": delay, "probability": probability, "text": text}


async def test_who_went_on_after_an_end_is_given_more_time(call: Call, model: Model) -> None:
    model.answers = [0.99]
    call.pauses()
    assert await call.has_finished("It was the best of times.") == 1.0
    call.detect(VADEventType.INFERENCE_DONE, speech=0.03)
    call.detect(VADEventType.START_OF_SPEECH)
    call.pauses()
    assert await call.has_finished("It was the best of times. It was the worst of times.") == 1.0
    delays = [one["data"]["delay"] for one in call.told if one["name"] == "end_of_turn"]
    assert delays == [0.3, 0.6]


def test_the_list_of_words_is_english() -> None:
    assert sounds_unfinished("Ruf mich an.")
    assert not sounds_unfinished("Ruf mich an.", english=False)
    assert sounds_unfinished("Ruf mich", punctuated=True, english=False)


async def test_without_the_model_the_words_decide(call: Call, model: Model) -> None:
    model.status, model.answers = 503, [{"error": {"message": "put the weights there"}}]
    call.pauses()
    assert await call.has_finished("How are you?") == 1.0
    assert [(told.what, told.error) for told in call.degraded] == [
        ("the end of a turn by sound", "put the weights there")
    ]


@pytest.mark.parametrize("answer", [{"probability": None}, {}, [], None])
async def test_an_odd_answer_is_none(call: Call, model: Model, answer: object) -> None:
    model.answers = [answer]
    call.pauses()
    assert await call.has_finished("How are you?") == 1.0


async def test_a_turn_does_not_end_while_a_text_is_awaited(call: Call, model: Model) -> None:
    model.answers = [0.9]
    stream = call.stt.stream()
    await asyncio.sleep(0)
    call.pauses()
    for listener in call.detector.listeners:
        listener(START)
    stream.push_frame(frame(0.05, 5000))
    await asyncio.sleep(0.01)
    asking = asyncio.create_task(call.has_finished("My name is Peter."))
    await asyncio.sleep(0.1)
    assert not asking.done(), "there are words that nobody has understood yet"
    stream.flush()
    call.detect(VADEventType.INFERENCE_DONE, silence=JUDGED_AFTER)
    assert await asyncio.wait_for(asking, 2) == 1.0
    await stream.aclose()
