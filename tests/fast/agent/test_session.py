"""The session as the call with Letta sees it, and what the caller is told of broken providers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import llm

from agent.job.session import CANNOT_HEAR, CallReports, VoiceSession
from agent.letta.memory import SpokenMessage
from agent.speech.reports import Degraded
from tests.fast.agent.kept_events import collected


class LiveKitSession:
    """As much of an AgentSession as a VoiceSession needs."""

    def __init__(self) -> None:
        self.agent_state, self.user_state = "initializing", "listening"
        self.history = SimpleNamespace(items=[])
        self.spoken: list[str] = []
        self.replies = 0

    def say(self, text: str, *, add_to_chat_ctx: bool) -> None:
        assert not add_to_chat_ctx, "Letta would remember what it has not said"
        self.spoken.append(text)

    def generate_reply(self) -> None:
        self.replies += 1


@pytest.fixture
def session() -> LiveKitSession:
    return LiveKitSession()


@pytest.fixture
def voice(session: LiveKitSession) -> VoiceSession:
    livekit_session: Any = session
    return VoiceSession(livekit_session)


def begin(session: LiveKitSession, voice: VoiceSession, greeting: str | None) -> list[str]:
    session.agent_state = "listening"
    voice.begin(greeting)
    return session.spoken


def test_the_greeting_is_said_when_the_session_begins(
    session: LiveKitSession, voice: VoiceSession
) -> None:
    voice.say("")
    assert begin(session, voice, "Welcome.") == ["Welcome."]


def test_without_a_greeting_nothing_is_said(session: LiveKitSession, voice: VoiceSession) -> None:
    assert begin(session, voice, None) == []


def test_what_is_wrong_is_said_later_and_in_place_of_the_greeting(
    session: LiveKitSession, voice: VoiceSession
) -> None:
    voice.say("I cannot hear.")
    assert session.spoken == []
    assert begin(session, voice, "Welcome.") == ["I cannot hear."]
    voice.begin("Welcome.")
    assert session.spoken == ["I cannot hear.", "Welcome."], "each sentence is said once"


def test_the_history_is_what_both_sides_said(session: LiveKitSession, voice: VoiceSession) -> None:
    session.history.items = [
        llm.ChatMessage(id="1", role="system", content=["be brief"]),
        llm.ChatMessage(id="2", role="user", content=[" hello "]),
        llm.ChatMessage(id="3", role="user", content=[""]),
        llm.FunctionCall(call_id="c", name="search", arguments="{}"),
        llm.ChatMessage(id="4", role="assistant", content=["Hi"], interrupted=True),
    ]
    assert voice.messages == [
        SpokenMessage("2", "user", "hello"),
        SpokenMessage("4", "assistant", "Hi", interrupted=True),
    ]


def test_who_speaks_and_a_reply_on_request(session: LiveKitSession, voice: VoiceSession) -> None:
    assert not voice.caller_speaks
    session.user_state = "speaking"
    assert voice.caller_speaks
    voice.generate_reply()
    assert session.replies == 1


def test_what_the_call_must_do_without_is_told_once_and_lost_words_each_time(
    session: LiveKitSession, voice: VoiceSession
) -> None:
    events, emitted = collected()
    reports = CallReports(events, voice)
    session.agent_state = "listening"
    reports.degraded(Degraded("text-to-speech", "503", "the reply is only read"))
    assert session.spoken == []
    reports.degraded(Degraded("speech-to-text", "503", "the agent hears no words"))
    reports.degraded(Degraded("speech-to-text", "503", "the agent hears no words", again=True))
    assert session.spoken == [CANNOT_HEAR] * 2
    assert [event["data"]["what"] for event in emitted] == ["text-to-speech", "speech-to-text"]
