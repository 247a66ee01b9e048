"""Where utterances begin and end, and where replies are cut for the voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from livekit.agents import inference, stt
from livekit.agents.vad import VADEvent, VADEventType

from agent.settings import AgentSettings
from agent.speech.clauses import ClauseTokenizer
from agent.speech.overlap import Overlap
from agent.speech.providers import inference_voice, make_stt, make_tts
from agent.speech.reports import Reports
from agent.speech.stt_requests import RequestSTT
from agent.speech.utterance_stream import Utterances, UtteranceStep
from agent.speech.vad import LoudnessVAD, SharedVAD
from tests.fast.agent.hearing import END, START, Detector, Hearing, Listener, Recorder, event, frame


def kinds(steps: Iterable[UtteranceStep]) -> list[str]:
    return [step.kind for step in steps]


def test_an_utterance_begins_with_the_audio_from_just_before() -> None:
    utterances = Utterances()
    for _ in range(100):
        assert kinds(utterances.audio(frame())) == []
    begun = list(utterances.detected(START))
    assert begun[0].kind == "begin"
    lead = sum(step.frame.duration for step in begun[1:] if step.frame)
    assert 0.4 < lead <= 0.5
    assert kinds(utterances.audio(frame())) == ["audio"]
    assert kinds(utterances.detected(END)) == ["end"]
    assert kinds(utterances.audio(frame())) == []


def test_the_text_is_asked_for_at_each_pause_once() -> None:
    utterances = Utterances()
    list(utterances.detected(START))
    pauses = [event(VADEventType.INFERENCE_DONE, silence=silence) for silence in (0.1, 0.13, 0.16)]
    assert [kinds(utterances.detected(pause)) for pause in pauses] == [[], ["ask"], []]
    assert kinds(utterances.detected(event(VADEventType.INFERENCE_DONE, speech=0.03))) == []
    assert [kinds(utterances.detected(pause)) for pause in pauses] == [[], ["ask"], []]
    assert kinds(utterances.detected(END)) == ["end"]
    assert kinds(utterances.detected(END)) == []


def test_what_is_said_over_the_agent_is_asked_for_while_it_is_said() -> None:
    over_the_agent = True
    utterances = Utterances(lambda: over_the_agent)
    speech = [
        event(VADEventType.INFERENCE_DONE, speech=0.03, spoken=s) for s in (0.3, 0.42, 0.45, 0.75)
    ]
    list(utterances.detected(START))
    assert [kinds(utterances.detected(one)) for one in speech] == [[], ["ask"], [], ["ask"]]
    list(utterances.detected(END))
    over_the_agent = False
    list(utterances.detected(START))
    assert [kinds(utterances.detected(one)) for one in speech] == [[], [], [], []]


def test_who_goes_on_after_a_flush_begins_another_utterance() -> None:
    utterances = Utterances()
    list(utterances.detected(START))
    assert kinds(utterances.end()) == ["end"]
    list(utterances.audio(frame()))
    again = event(VADEventType.INFERENCE_DONE, speech=0.03)
    assert kinds(utterances.detected(again)) == ["begin", "audio"]
    assert kinds(utterances.detected(END)) == ["end"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello there, Anna. How are you?", ["Hello there, ", "Anna. ", "How are you?"]),
        ("Your favorite color is green.", ["Your favorite color is green."]),
        ("Dr. Smith is here. He waits.", ["Dr. Smith is here. ", "He waits."]),
        ("It costs 3.50 dollars, I think.", ["It costs 3.50 dollars, ", "I think."]),
        ("", []),
        (
            "你好，今天天气很好！我们去公园吧？好",
            ["你好，", "今天天气很好！", "我们去公园吧？", "好"],
        ),
        (
            "今日はいい天気ですね。散歩に行きましょう!",
            ["今日はいい天気ですね。", "散歩に行きましょう!"],
        ),
        ("مرحبا، كيف حالك؟ أنا بخير.", ["مرحبا، ", "كيف حالك؟ ", "أنا بخير."]),
        ("आप कैसे हैं। मैं ठीक हूँ।", ["आप कैसे हैं। ", "मैं ठीक हूँ।"]),
        ("... Well. ? Yes.", ["... Well. ", "? Yes."]),
        ("😀 Hi! ...", ["😀 Hi! "]),
        ("?", []),
        ("It is 10:30, or 3,000.", ["It is 10:30, ", "or 3,000."]),
    ],
)
def test_the_first_piece_is_a_clause_and_later_ones_sentences(text: str, pieces: list[str]) -> None:
    assert ClauseTokenizer().tokenize(text) == pieces


async def test_a_piece_is_given_as_soon_as_it_is_whole() -> None:
    stream = ClauseTokenizer().stream()
    for part in ("Hel", "lo there", ", ", "An"):
        stream.push_text(part)
    assert (await anext(stream)).token == "Hello there, "
    stream.push_text("na.")
    stream.end_input()
    assert [piece.token async for piece in stream] == ["Anna."]


def test_text_without_punctuation_is_cut_at_a_space() -> None:
    pieces = ClauseTokenizer().tokenize("word " * 200)
    assert "".join(pieces) == "word " * 200
    assert all(len(piece) <= 300 and piece.endswith(" ") for piece in pieces)


@pytest.mark.parametrize(("letters", "longest"), [("字", 100), ("สวัสดี", 300)])
def test_text_without_spaces_is_cut_between_letters(letters: str, longest: int) -> None:
    text = letters * (700 // len(letters))
    pieces = ClauseTokenizer().tokenize(text)
    assert "".join(pieces) == text
    assert all(len(piece) <= longest for piece in pieces)


async def test_the_listeners_of_a_shared_detector_hear_what_the_call_hears() -> None:
    shared = SharedVAD(LoudnessVAD(AgentSettings()))
    heard: list[VADEvent] = []
    shared.listeners.append(heard.append)
    stream = shared.stream()
    for loudness in [20] * 20 + [8000] * 20 + [20] * 20:
        stream.push_frame(frame(0.03, loudness))
    stream.end_input()
    seen = [event async for event in stream]
    assert heard == seen
    bounds = [one.type for one in seen if one.type != VADEventType.INFERENCE_DONE]
    assert bounds == [VADEventType.START_OF_SPEECH, VADEventType.END_OF_SPEECH]
    await stream.aclose()


@pytest.fixture
async def hearing() -> AsyncIterator[Hearing]:
    listener = Listener()
    runner = await listener.serve()
    hearing = Hearing(listener)
    assert await hearing.got() == "connected"
    yield hearing
    await hearing.stream.aclose()
    await runner.cleanup()


async def test_offline_speech_to_text_streams_an_utterance(hearing: Hearing) -> None:
    hearing.stream.push_frame(frame())
    await asyncio.sleep(0)
    hearing.detect(START)
    assert [await hearing.got(), await hearing.got()] == ["start", "audio"]
    await hearing.listener.say(type="partial", text="my favorite")
    interim = await hearing.transcript()
    assert interim.type is stt.SpeechEventType.INTERIM_TRANSCRIPT
    assert interim.alternatives[0].text == "my favorite"
    hearing.detect(event(VADEventType.INFERENCE_DONE, silence=0.2))
    assert await hearing.got() == "pause"
    hearing.detect(END)
    assert await hearing.got() == "end"
    await hearing.listener.say(type="final", text="my favorite color")
    final = await hearing.transcript()
    assert final.type is stt.SpeechEventType.FINAL_TRANSCRIPT
    assert final.alternatives[0].text == "my favorite color"


async def test_a_flush_ends_what_is_being_said(hearing: Hearing) -> None:
    hearing.detect(START)
    assert await hearing.got() == "start"
    hearing.stream.flush()
    assert await hearing.got() == "end"


async def test_a_flush_in_silence_is_answered_at_once(hearing: Hearing) -> None:
    hearing.stream.flush()
    assert (await hearing.transcript()).alternatives[0].text == ""


@pytest.mark.parametrize(
    "odd",
    ["hello", "[]", "null", '{"type": "final", "text": null}', '{"type": "final", "text": 7}'],
)
async def test_an_odd_answer_is_quoted_and_the_next_utterance_is_understood(
    hearing: Hearing, odd: str
) -> None:
    hearing.detect(START)
    hearing.detect(END)
    for _ in range(2):  # it is asked once more
        assert [await hearing.got(), await hearing.got()] == ["start", "end"]
        await hearing.listener.send(odd)
        assert await hearing.got() == "connected"
    assert (await hearing.transcript()).alternatives[0].text == ""
    assert odd in hearing.degraded[0].error
    hearing.detect(START)
    hearing.detect(END)
    assert [await hearing.got(), await hearing.got()] == ["start", "end"]
    await hearing.listener.say(type="final", text="good day")
    assert (await hearing.transcript()).alternatives[0].text == "good day"


async def test_a_server_that_goes_away_is_told_once_and_found_again(hearing: Hearing) -> None:
    hearing.detect(START)
    assert await hearing.got() == "start"
    hearing.detect(END)
    assert await hearing.got() == "end"
    await hearing.listener.hang_up()
    for kind in ("connected", "start", "end"):  # it is asked once more
        assert await hearing.got() == kind
    await hearing.listener.hang_up()
    assert (await hearing.transcript()).alternatives[0].text == ""  # nobody waits for it now
    assert await hearing.got() == "connected"
    assert [told.what for told in hearing.degraded] == ["speech-to-text"]


async def test_a_recording_is_what_was_said_between_start_and_end() -> None:
    detector = SharedVAD(Detector())
    stream = RequestSTT(Recorder(), detector, Overlap(Reports()), "en", Reports(), 5).stream()
    await asyncio.sleep(0)
    for one in (START, *[None] * 10, END):
        if one is None:
            stream.push_frame(frame(0.05, 5000))
            await asyncio.sleep(0)
        else:
            for listener in detector.listeners:
                listener(one)
    final = await asyncio.wait_for(anext(stream), 2)
    assert final.alternatives[0].text == "0.50 seconds"
    await stream.aclose()


async def test_the_providers_follow_the_settings() -> None:
    detector = SharedVAD(Detector())

    def described(settings: AgentSettings) -> str:
        made = make_stt(settings, detector, Overlap(Reports()), Reports())
        return f"{type(made).__name__} {made.model} {made.provider}"

    assert described(AgentSettings()) == "OfflineSTT whisper offline"
    own = AgentSettings(speech="openai", openai_base_url="http://localhost:9/v1", stt_model="w")
    assert described(own) == "RequestSTT w localhost:9"
    tts = make_tts(own, Reports())
    assert tts.capabilities.streaming
    assert (tts.model, tts.provider) == ("gpt-4o-mini-tts", "localhost:9")


async def test_inference_is_asked_for_by_string(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    settings = AgentSettings(speech="inference", tts_model="cartesia/sonic-3", tts_voice="v")
    stt = make_stt(settings, SharedVAD(Detector()), Overlap(Reports()), Reports())
    tts = make_tts(settings, Reports())
    assert isinstance(stt, inference.STT) and stt.model == "deepgram/nova-3"
    assert isinstance(tts, inference.TTS) and tts.model == "cartesia/sonic-3"


def test_an_inference_voice_is_one_string() -> None:
    assert inference_voice(AgentSettings()) == "cartesia/sonic-3"
    assert inference_voice(AgentSettings(tts_voice="v")) == "cartesia/sonic-3:v"
    assert inference_voice(AgentSettings(tts_model="a/b:c", tts_voice="v")) == "a/b:c"
