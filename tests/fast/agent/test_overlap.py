"""What a caller says while the agent speaks: what stops the agent, and what does not."""

from __future__ import annotations

import pytest
from livekit.agents.vad import VADEvent, VADEventType

from agent.speech.overlap import Overlap, Sureness
from agent.speech.reports import Reports
from tests.fast.agent.hearing import END, START, Hearing, Listener, event


@pytest.fixture
def given() -> list[str]:
    return []


@pytest.fixture
def stopped() -> list[bool]:
    return []


@pytest.fixture
def overlap(stopped: list[bool]) -> Overlap:
    overlap = Overlap(Reports())
    overlap.interrupt = lambda: stopped.append(True)
    overlap.agent_is("speaking")
    return overlap


def speaks(seconds: float) -> VADEvent:
    """The caller has done so for so long."""
    one = event(VADEventType.INFERENCE_DONE, speech=seconds, spoken=seconds)
    one.speaking = True
    return one


UH_HUH = Sureness(-1.2, 0.2)  # as the model takes it
LISTENS = [
    "Mm-hmm.",
    "mhm",
    "Uh-huh",
    "M-H-M",
    "HMM.",
    "MMHS.",
    "Right.",
    "Yeah, yeah.",
    "Okay, right.",
    "I see.",
    "Got it.",
]
MEANS_IT = [
    "Stop.",
    "Wait.",
    "No.",
    "Right?",
    "Really?",
    "What is that?",
    "Yes, but I want tea.",
    "",
]


@pytest.mark.parametrize("text", LISTENS)
def test_who_only_listens_does_not_stop_the_agent(
    overlap: Overlap, stopped: list[bool], given: list[str], text: str
) -> None:
    overlap.hears(text)
    assert not overlap.passes(text, 1.0, given.append)
    assert stopped == []


@pytest.mark.parametrize("text", MEANS_IT)
def test_everything_else_is_for_the_agent(
    overlap: Overlap, stopped: list[bool], given: list[str], text: str
) -> None:
    assert overlap.passes(text, 1.0, given.append)


@pytest.mark.parametrize("text", ["Stop.", "What is", "No, I", "Thank you.", "I think that"])
def test_who_takes_the_turn_stops_the_agent_at_once(
    overlap: Overlap, stopped: list[bool], text: str
) -> None:
    overlap.hears(text)
    assert stopped == [True]


@pytest.mark.parametrize("text", ["", "Shuler.", "you have", "Right.", "I see"])
def test_what_may_be_a_backchannel_misheard_does_not(
    overlap: Overlap, stopped: list[bool], text: str
) -> None:
    overlap.hears(text)
    assert stopped == []


def test_more_words_than_anybody_says_in_the_time_were_not_said(
    overlap: Overlap, given: list[str]
) -> None:
    assert not overlap.passes("Have a great day.", 0.45, given.append)
    assert overlap.passes("Have a great day.", 1.0, given.append)
    overlap.agent_is("listening")
    assert given == []
    assert overlap.passes("Have a great day.", 0.45, given.append), "over nobody's voice"


def test_a_yes_is_an_answer_when_the_agent_ends_or_is_silent(
    overlap: Overlap, given: list[str]
) -> None:
    assert not overlap.passes("Yes.", 1.0, given.append)
    overlap.agent_is("listening")
    assert given == ["Yes."]
    assert overlap.passes("Yes.", 1.0, given.append), "nobody speaks over it"
    overlap.agent_is("thinking")
    assert overlap.passes("Yes.", 1.0, given.append)
    assert not overlap.passes("Mm-hmm.", 1.0, given.append), "a sound is no reason to think anew"
    overlap.agent_is("listening")
    assert overlap.passes("Mm-hmm.", 1.0, given.append)
    assert given == ["Yes."]


def test_who_speaks_as_the_agent_begins_goes_on(overlap: Overlap, stopped: list[bool]) -> None:
    overlap.speech(speaks(0.2))
    assert stopped == [True]


def test_who_speaks_later_is_listened_to_first(
    overlap: Overlap, stopped: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.speech.overlap.HARDLY_BEGUN", -1.0)
    overlap.speech(speaks(0.2))
    assert stopped == []


def test_a_yes_long_before_the_end_is_no_answer(
    overlap: Overlap, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not overlap.passes("Yes.", 1.0, given.append)
    monkeypatch.setattr("agent.speech.overlap.ANSWERS", -1.0)
    overlap.agent_is("listening")
    assert given == []


def test_speech_whose_words_are_not_known_stops_the_agent_in_the_end(
    overlap: Overlap, stopped: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.speech.overlap.HARDLY_BEGUN", -5.0)
    overlap.interrupt_after = 1.0
    overlap.hears("M-H-M.")
    overlap.speech(speaks(0.9))
    overlap.speech(speaks(1.2))
    assert stopped == [], "a long mm-hmm is one still"
    overlap.speech(event(VADEventType.START_OF_SPEECH))
    overlap.speech(speaks(0.9))
    assert stopped == []
    overlap.speech(speaks(1.0))
    assert stopped == [True]


def test_speech_that_is_not_clear_is_waited_for_a_little_longer(
    overlap: Overlap, stopped: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.speech.overlap.HARDLY_BEGUN", -5.0)
    overlap.hears("And", UH_HUH)
    overlap.speech(speaks(1.2))
    assert stopped == []
    overlap.speech(speaks(1.3))
    assert stopped == [True], "it may have been a word that was cut"


@pytest.mark.parametrize(
    ("text", "seconds", "sureness", "passes"),
    [
        ("Bye bye.", 0.5, UH_HUH, False),
        ("Bye bye.", 1.0, UH_HUH, True),
        ("Bye bye.", 0.5, Sureness(-1.2, 0.08), True),
        ("Stop.", 0.5, UH_HUH, True),
        ("Wait.", 0.5, UH_HUH, True),
    ],
)
def test_a_short_text_of_which_nobody_is_sure_was_a_sound_unless_it_takes_the_turn(
    overlap: Overlap,
    given: list[str],
    text: str,
    seconds: float,
    sureness: Sureness,
    passes: bool,
) -> None:
    assert overlap.passes(text, seconds, given.append, sureness) == passes
    assert overlap.passes(text, seconds, given.append), "where nothing is doubted"
    overlap.agent_is("listening")
    assert overlap.passes(text, seconds, given.append, sureness), "over nobody's voice"


def test_many_words_stop_the_agent_where_they_are_clear(
    overlap: Overlap, stopped: list[bool]
) -> None:
    overlap.hears("in a month", UH_HUH)
    assert stopped == []
    overlap.hears("in a month", Sureness(-0.6, 0.1))
    assert stopped == [True]


def test_an_unclear_answer_with_which_the_agent_ends_is_given_later(
    overlap: Overlap, given: list[str]
) -> None:
    assert not overlap.passes("Green.", 0.5, given.append, UH_HUH)
    overlap.agent_is("listening")
    assert given == ["Green."]


async def test_a_stream_keeps_a_backchannel_from_the_session_and_tells_it() -> None:
    listener = Listener()
    runner = await listener.serve()
    hearing = Hearing(listener)
    assert await hearing.got() == "connected"
    hearing.overlap.agent_is("speaking")
    for text, passed in (("Mm-hmm.", ""), ("Stop.", "Stop.")):
        hearing.detect(START)
        hearing.detect(END)
        assert [await hearing.got(), await hearing.got()] == ["start", "end"]
        await hearing.listener.say(type="final", text=text)
        assert (await hearing.transcript()).alternatives[0].text == passed
    told = [one["data"]["text"] for one in hearing.told if one["name"] == "backchannel"]
    assert told == ["Mm-hmm."]
    await hearing.stream.aclose()
    await runner.cleanup()
