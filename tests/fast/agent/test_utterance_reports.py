"""What becomes of each utterance is told: asked for, understood, failed, or nothing (a stall)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from livekit.agents import APIConnectOptions, APIStatusError, stt
from livekit.agents.utils import AudioBuffer
from livekit.agents.vad import VADEvent

from agent.events import Event
from agent.speech import offline
from agent.speech.overlap import Overlap
from agent.speech.reports import Reports
from agent.speech.stt_requests import RequestSTT
from agent.speech.vad import SharedVAD
from tests.fast.agent.hearing import END, START, Detector, Hearing, Listener, Recorder, frame
from tests.fast.agent.kept_events import ReportKeeper, collected, heard_reports


def transcribing(told: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    return [(one["name"], one["data"]) for one in told if one["stage"] == "transcribe"]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 (events are told to nobody who waits)
            await asyncio.sleep(0.01)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "FIRST_RETRY_AFTER": 0.02,
        "RETRY_AFTER": 0.02,
        "STAYS": 0.1,
        "ANSWER_TIMEOUT": 0.3,
        "SECOND_TIMEOUT": 0.2,
        "AWAY": 0.3,
        "CLOSE_TIMEOUT": 0.1,
    }.items():
        monkeypatch.setattr(offline, name, seconds)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    runner = await listener.serve()
    yield listener
    await runner.cleanup()


@pytest.fixture
async def hearing(quick: None, listener: Listener) -> AsyncIterator[Hearing]:
    hearing = Hearing(listener)
    assert await hearing.got() == "connected"
    yield hearing
    await hearing.stream.aclose()


async def say(hearing: Hearing) -> None:
    hearing.detect(START)
    hearing.stream.push_frame(frame(0.05))
    hearing.stream.push_frame(frame(0.05))
    await asyncio.sleep(0.01)
    hearing.detect(END)


async def test_an_utterance_that_is_understood(hearing: Hearing) -> None:
    await say(hearing)
    await until(lambda: bool(hearing.told))
    assert transcribing(hearing.told) == [("started", {"seconds": 0.1})]
    await hearing.listener.say(type="final", text="my favorite color")
    await hearing.transcript()
    name, data = transcribing(hearing.told)[1]
    assert name == "done" and data["text"] == "my favorite color" and 0 < data["ms"] < 1000


async def gets(hearing: Hearing, *kinds: str) -> None:
    """The server is sent these, one after the other."""
    for kind in kinds:
        assert await hearing.got() == kind


async def test_a_server_that_stalls_is_asked_once_more_and_then_left(hearing: Hearing) -> None:
    await say(hearing)
    assert (await hearing.transcript()).alternatives[0].text == ""
    started, retried, failed = transcribing(hearing.told)
    assert started[0] == "started"
    assert (retried[0], retried[1]["kind"], retried[1]["recoverable"]) == ("error", "timeout", True)
    assert failed[0] == "error" and failed[1]["kind"] == "timeout"
    assert failed[1]["recoverable"] is False, "these words are lost"
    assert [one.what for one in hearing.degraded] == ["speech-to-text"]
    await until(lambda: "connected" in dict(transcribing(hearing.told)))


async def test_a_sentence_without_a_text_is_heard_again_by_another_connection(
    hearing: Hearing,
) -> None:
    """And so is what the caller says meanwhile, each in its place."""
    await say(hearing)
    await gets(hearing, "start", "audio", "end")
    hearing.detect(START)
    hearing.stream.push_frame(frame(0.05))
    await gets(hearing, "start", "audio")
    await hearing.listener.hang_up()
    await gets(hearing, "connected", "start", "audio", "end", "start", "audio")
    await hearing.listener.say(type="final", text="my favorite color")
    assert (await hearing.transcript()).alternatives[0].text == "my favorite color"
    hearing.detect(END)
    await gets(hearing, "end")
    await hearing.listener.say(type="final", text="is green")
    assert (await hearing.transcript()).alternatives[0].text == "is green"
    assert hearing.degraded == [], "nothing is lost, so the caller is told nothing"
    names = [name for name, _ in transcribing(hearing.told)]
    assert names == ["started", "error", "connected", "done", "started", "done"]


async def test_words_that_come_to_nothing_are_asked_for_once_more(hearing: Hearing) -> None:
    await say(hearing)
    await gets(hearing, "start", "audio", "end")
    await hearing.listener.say(type="partial", text="my favorite")
    await hearing.listener.say(type="final", text="")
    await gets(hearing, "connected", "start", "audio", "end")
    await hearing.listener.say(type="final", text="my favorite color")
    texts = [(await hearing.transcript()).alternatives[0].text for _ in range(2)]
    assert texts == ["my favorite", "my favorite color"]
    assert hearing.degraded == []


async def test_a_word_guessed_in_noise_may_come_to_nothing(hearing: Hearing) -> None:
    await say(hearing)
    await gets(hearing, "start", "audio", "end")
    await hearing.listener.say(type="partial", text="the")
    await hearing.listener.say(type="final", text="")
    texts = [(await hearing.transcript()).alternatives[0].text for _ in range(2)]
    assert texts == ["the", ""]
    assert hearing.listener.got.empty(), "it was not asked again"


async def test_each_utterance_that_is_lost_while_the_server_is_away_is_told(
    quick: None, listener: Listener
) -> None:
    hearing = Hearing(listener)
    assert await hearing.got() == "connected"
    hearing.stream.url = "ws://127.0.0.1:9/nobody"  # from now on
    await listener.hang_up()
    await until(lambda: len(hearing.told) == 1)
    assert hearing.degraded == [], "it may be back before anything is said"
    await until(lambda: len(hearing.degraded) == 1)
    for count in (2, 3):
        await say(hearing)
        await until(lambda: len(hearing.degraded) == count)  # noqa: B023 (at once)
    names = [name for name, _ in transcribing(hearing.told)]
    assert names == ["error", "started", "error", "started", "error"]
    errors = [data for name, data in transcribing(hearing.told) if name == "error"]
    assert [one["attempt"] for one in errors] == [1, 2, 3]
    assert [one["recoverable"] for one in errors] == [True, False, False]
    assert errors[2]["kind"] == "refused"
    assert [one.again for one in hearing.degraded] == [False, True, True]
    await hearing.stream.aclose()


async def test_a_server_that_refuses_says_with_which_status(quick: None) -> None:
    tries = 0

    async def refuse(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.Response(status=429)

    app = web.Application()
    app.add_routes([web.get("/v1/audio/transcriptions/stream", refuse)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener = Listener()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    hearing = Hearing(listener)
    await until(lambda: bool(hearing.told))
    told_at = tries
    await until(lambda: tries > told_at + 1)  # the first of these was answered before the second
    ((name, data),) = transcribing(hearing.told)
    assert name == "error" and (data["kind"], data["status"]) == ("rate-limited", 429)
    assert data["provider"] == "offline"
    await hearing.stream.aclose()
    await runner.cleanup()


class Failing(Recorder):
    """A server of recordings that fails as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    async def _recognize_impl(self, buffer: AudioBuffer, **more: object) -> stt.SpeechEvent:
        if self.failures:
            self.failures -= 1
            raise APIStatusError("overloaded", status_code=503)
        return await super()._recognize_impl(buffer, **more)


async def test_each_try_of_a_request_is_told_and_a_lasting_failure_once() -> None:
    failing, detector = Failing(), SharedVAD(Detector())
    events, told = collected()
    reports, degraded = heard_reports(events)
    options = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=1)
    stream = RequestSTT(failing, detector, Overlap(reports), "en", reports, 5).stream(
        conn_options=options
    )
    await asyncio.sleep(0)

    async def utter(failures: int) -> str:
        failing.failures = failures

        def detect(one: VADEvent) -> None:
            for hear in detector.listeners:
                hear(one)

        detect(START)
        stream.push_frame(frame(0.5))
        await asyncio.sleep(0)
        detect(END)
        alternatives = (await asyncio.wait_for(anext(stream), 2)).alternatives
        return alternatives[0].text

    assert await utter(1) == "0.50 seconds"
    names = [name for name, _ in transcribing(told)]
    assert names == ["started", "error", "done"]
    assert degraded == []
    error = transcribing(told)[1][1]
    assert (error["kind"], error["status"], error["attempt"]) == ("status", 503, 1)
    assert error["recoverable"] is True

    told.clear()
    assert await utter(2) == ""
    assert await utter(2) == ""
    errors = [data for name, data in transcribing(told) if name == "error"]
    assert [one["attempt"] for one in errors] == [1, 2, 1, 2]
    assert [one["recoverable"] for one in errors] == [True, False, True, False]
    assert [degradation.again for degradation in degraded] == [False, True]

    assert await utter(0) == "0.50 seconds"
    assert await utter(2) == ""
    assert [degradation.again for degradation in degraded] == [False, True, False], (
        "it had worked in between"
    )
    await stream.aclose()


def test_what_broke_before_the_call_is_told_when_it_begins() -> None:
    events, told = collected()
    reports, keeper = Reports(), ReportKeeper(events)
    reports.broken("voice activity detection", "no weights", "loudness decides")
    reports.emit("speak", "done")  # nobody's
    reports.listen(keeper)
    assert [degraded.what for degraded in keeper.degradations] == ["voice activity detection"]
    assert told == []


async def test_recordings_that_pile_up_are_refused_and_told() -> None:
    """Three wait for a server that hangs with the first: a fourth would come too late anyway."""

    class Hanging(Recorder):
        async def _recognize_impl(self, buffer: AudioBuffer, **more: object) -> stt.SpeechEvent:
            await may_answer.wait()
            return await super()._recognize_impl(buffer, **more)

    may_answer = asyncio.Event()
    detector = SharedVAD(Detector())
    events, told = collected()
    reports, degraded = heard_reports(events)
    stream = RequestSTT(Hanging(), detector, Overlap(reports), "en", reports, 3).stream()
    await asyncio.sleep(0)
    for _ in range(5):
        for one in (START, END):
            for hear in detector.listeners:
                hear(one)
            stream.push_frame(frame(0.5))
            for _ in range(5):
                await asyncio.sleep(0)
    for hear in detector.listeners:
        hear(START)
    await until(lambda: any(name == "error" for name, _ in transcribing(told)))
    errors = [data for name, data in transcribing(told) if name == "error"]
    assert [(one["kind"], one["recoverable"]) for one in errors] == [("busy", False)]
    assert "3 recordings wait" in errors[0]["message"]
    assert [one.what for one in degraded] == ["speech-to-text"]
    may_answer.set()
    texts = [(await asyncio.wait_for(anext(stream), 2)).alternatives[0].text for _ in range(4)]
    assert all(text.endswith("seconds") for text in texts)
    await stream.aclose()
