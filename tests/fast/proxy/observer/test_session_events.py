"""Session events of livekit-agents become ours: each kind, in the order in which it sends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents import APIConnectionError, APIStatusError, APITimeoutError, llm, stt, tts
from livekit.protocol.agent_pb import agent_session as pb

from common import event_check
from common.event_table import EVENTS
from proxy.observer.session_events import SessionReader, Told

BEGAN = 1_795_000_000.0
Event = pb.AgentSessionEvent


def stamp(at: float) -> Timestamp:
    made = Timestamp()
    made.FromNanoseconds(round((BEGAN + at) * 1e9))
    return made


def message(at: float, **event: Any) -> bytes:
    sent = pb.AgentSessionMessage(event=Event(created_at=stamp(at), **event))
    return bytes(sent.SerializeToString())


def agent_state(at: float, before: Any, now: Any) -> bytes:
    return message(at, agent_state_changed=Event.AgentStateChanged(old_state=before, new_state=now))


def user_state(at: float, before: Any, now: Any) -> bytes:
    return message(at, user_state_changed=Event.UserStateChanged(old_state=before, new_state=now))


def heard(at: float, text: str, *, final: bool) -> bytes:
    words = Event.UserInputTranscribed(transcript=text, is_final=final)
    return message(at, user_input_transcribed=words)


def item(at: float, role: Any, text: str, *, interrupted: bool = False, **metrics: Any) -> bytes:
    said = pb.ChatMessage(
        id="item_1",
        role=role,
        content=[pb.ChatMessage.ChatContent(text=text)],
        interrupted=interrupted,
        metrics=pb.MetricsReport(**metrics),
        created_at=stamp(at),
    )
    added = Event.ConversationItemAdded(item=pb.ChatContext.ChatItem(message=said))
    return message(at, conversation_item_added=added)


def error(at: float, text: str) -> bytes:
    return message(at, error=Event.Error(message=text))


def turn(
    at: float = 0.0, *, interrupted: bool = False, reply: str = "Your favorite color is green."
) -> list[bytes]:
    """A turn as a stock session sends it."""
    return [
        user_state(at, pb.US_LISTENING, pb.US_SPEAKING),
        user_state(at + 1.6, pb.US_SPEAKING, pb.US_LISTENING),
        heard(at + 2.0, "My favorite", final=False),
        heard(at + 2.3, "My favorite color is green.", final=True),
        item(
            at + 2.9,
            pb.USER,
            "My favorite color is green.",
            stopped_speaking_at=stamp(at + 1.6),
            transcription_delay=0.7,
            end_of_turn_delay=1.3,
        ),
        agent_state(at + 2.91, pb.AS_LISTENING, pb.AS_THINKING),
        agent_state(at + 3.1, pb.AS_THINKING, pb.AS_SPEAKING),
        item(
            at + 5.0,
            pb.ASSISTANT,
            reply,
            interrupted=interrupted,
            started_speaking_at=stamp(at + 3.1),
            llm_node_ttft=0.062,
            tts_node_ttfb=0.061,
        ),
        agent_state(at + 5.0, pb.AS_SPEAKING, pb.AS_LISTENING),
    ]


def read(messages: Iterable[bytes]) -> list[Told]:
    reader = SessionReader()
    return [told for one in messages for told in reader.read(one)]


def names(told: Iterable[Told]) -> list[str]:
    return [f"{one.stage}.{one.name}" for one in told]


def one(told: Iterable[Told], topic: str) -> Told:
    (found,) = [each for each in told if f"{each.stage}.{each.name}" == topic]
    return found


def test_a_turn_has_its_words_and_the_times_of_each_step() -> None:
    told = read(turn())
    assert names(told) == [
        "hear.speech_started",
        "hear.speech_ended",
        "transcribe.transcript",
        "transcribe.transcript",
        "transcribe.done",
        "join.agent_state",
        "think.request",
        "join.agent_state",
        "play.speaking",
        "speak.first_byte",
        "think.first_token",
        "think.done",
        "join.agent_state",
        "play.silent",
        "play.turn",
    ]
    assert one(told, "think.request").data == {"turn": 1, "text": "My favorite color is green."}
    assert one(told, "transcribe.done").data["ms"] == pytest.approx(700)
    assert one(told, "think.first_token").data["ms"] == pytest.approx(62)
    assert one(told, "speak.first_byte").data["ms"] == pytest.approx(61)
    over = one(told, "play.turn").data
    assert over["since"] == pytest.approx(BEGAN + 1.6)
    assert (over["user"], over["reply"]) == (
        "My favorite color is green.",
        "Your favorite color is green.",
    )
    ms = over["ms"]
    assert ms["transcript"] == pytest.approx(700, abs=0.2)
    assert ms["end_of_utterance"] == pytest.approx(1300, abs=0.2)
    assert ms["first_token"] == pytest.approx(1439, abs=0.2), "before the voice by what that took"
    assert ms["tts_first_byte"] == ms["first_sound"] == pytest.approx(1500, abs=0.2)


def test_the_first_token_of_a_reply_that_was_begun_early_is_not_before_the_turns_end() -> None:
    messages = turn()
    messages[7] = item(
        5.0,
        pb.ASSISTANT,
        "Green.",
        started_speaking_at=stamp(2.95),
        llm_node_ttft=0.5,
        tts_node_ttfb=0.4,
    )
    ms = one(read(messages), "play.turn").data["ms"]
    assert ms["first_token"] == pytest.approx(ms["end_of_utterance"])


def test_turns_are_counted_and_an_interrupted_one_says_what_was_heard() -> None:
    told = read([*turn(), *turn(10, interrupted=True, reply="Your favorite")])
    assert [each.data["turn"] for each in told if each.name == "turn"] == [1, 2]
    assert one(told, "play.interrupted").data == {"turn": 2, "heard": "Your favorite"}


def test_a_greeting_is_no_turn() -> None:
    told = read(
        [
            agent_state(0.1, pb.AS_LISTENING, pb.AS_SPEAKING),
            item(
                2,
                pb.ASSISTANT,
                "Hello!",
                started_speaking_at=stamp(0.1),
                llm_node_ttft=0.1,
                tts_node_ttfb=0.1,
            ),
            agent_state(2, pb.AS_SPEAKING, pb.AS_LISTENING),
        ]
    )
    assert "think.request" not in names(told) and "play.turn" not in names(told)
    assert one(told, "speak.first_byte").data["turn"] is None


def test_typed_words_are_a_turn_from_their_arrival() -> None:
    told = read(
        [
            item(1, pb.USER, "hello"),
            agent_state(1, pb.AS_LISTENING, pb.AS_THINKING),
            agent_state(2, pb.AS_THINKING, pb.AS_SPEAKING),
            item(3, pb.ASSISTANT, "Hi.", started_speaking_at=stamp(2), llm_node_ttft=0.9),
            agent_state(3, pb.AS_SPEAKING, pb.AS_LISTENING),
        ]
    )
    over = one(told, "play.turn").data
    assert over["since"] == pytest.approx(BEGAN + 1)
    assert over["ms"]["first_sound"] == pytest.approx(1000, abs=0.2)


def test_a_turn_without_a_reply_ends_with_the_next_one() -> None:
    told = read([*turn()[:6], agent_state(4, pb.AS_THINKING, pb.AS_LISTENING), *turn(10)])
    assert [each.data["reply"] for each in told if each.name == "turn"] == [
        "",
        "Your favorite color is green.",
    ]


def test_tools_are_told_once() -> None:
    call = pb.FunctionCall(name="look_up", arguments='{"place": "Rome"}', call_id="call_1")
    started = Event.ToolExecutionUpdated.Started(function_call=call)
    output = pb.FunctionCallOutput(call_id="call_1", name="look_up", output="sunny")
    told = read(
        [
            message(1, tool_execution_updated=Event.ToolExecutionUpdated(started=started)),
            message(
                2,
                function_tools_executed=Event.FunctionToolsExecuted(
                    function_calls=[call], function_call_outputs=[output]
                ),
            ),
        ]
    )
    assert names(told) == ["think.tool_call", "think.tool_return"]
    assert told[1].data == {
        "id": "call_1",
        "name": "look_up",
        "status": "success",
        "text": "sunny",
    }


def test_usage_is_a_sum_and_told_when_it_grows() -> None:
    def usage(at: float, read_tokens: int, written: int) -> bytes:
        model = pb.LLMModelUsage(
            provider="p", model="m", input_tokens=read_tokens, output_tokens=written
        )
        total = pb.AgentSessionUsage(model_usage=[pb.ModelUsage(llm=model)])
        return message(at, session_usage_updated=Event.SessionUsageUpdated(usage=total))

    told = read([usage(1, 13, 24), usage(2, 13, 24), usage(3, 43, 32)])
    assert [each.data["total_tokens"] for each in told] == [37, 38]


REFUSED = APIStatusError(
    "The model `gpt-x` does not exist",
    status_code=404,
    body={"error": {"code": "model_not_found"}},
)


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        (
            str(llm.LLMError(timestamp=1.0, label="x.LLM", error=REFUSED, recoverable=False)),
            "think.error",
            {
                "message": "The model `gpt-x` does not exist",
                "status": 404,
                "kind": "gone",
                "provider": "model",
                "recoverable": False,
            },
        ),
        (
            str(
                stt.STTError(
                    timestamp=1.0,
                    label="livekit.plugins.openai.stt.STT",
                    error=APIConnectionError("Connection error."),
                    recoverable=True,
                )
            ),
            "transcribe.error",
            {
                "message": "Connection error.",
                "kind": "refused",
                "provider": "livekit.plugins.openai.stt.STT",
                "attempt": 1,
                "recoverable": True,
            },
        ),
        (
            str(
                tts.TTSError(
                    timestamp=1.0, label="x.TTS", error=APITimeoutError(), recoverable=True
                )
            ),
            "speak.error",
            {"message": "Request timed out.", "kind": "timeout"},
        ),
        (
            str(
                tts.TTSError(
                    timestamp=1.0,
                    label="x.TTS",
                    error=APIStatusError(
                        "response_format 'mp3' is not made here, it's pcm", status_code=400
                    ),
                    recoverable=False,
                )
            ),
            "speak.error",
            {"message": "response_format 'mp3' is not made here, it's pcm", "status": 400},
        ),
        ("boom", "think.error", {"message": "boom", "kind": "other"}),
        ("STT: websocket closed", "transcribe.error", {"message": "STT: websocket closed"}),
        ("", "think.error", {"message": "no reason was given"}),
    ],
)
def test_an_error_keeps_the_providers_own_words(
    text: str, topic: str, expected: dict[str, Any]
) -> None:
    told = one(read([error(1, text)]), topic)
    assert {name: told.data.get(name) for name in expected} == expected


def test_tries_are_counted() -> None:
    def failed(recoverable: bool) -> bytes:
        wrong = APIConnectionError("Connection error.")
        told = stt.STTError(timestamp=1.0, label="x", error=wrong, recoverable=recoverable)
        return error(1, str(told))

    told = read([failed(True), failed(True), failed(False), failed(True)])
    assert [each.data["attempt"] for each in told] == [1, 2, 3, 1]


SENT = st.sampled_from(
    [
        *turn(),
        *turn(10, interrupted=True),
        error(3, "boom"),
        agent_state(4, pb.AS_THINKING, 99),
        message(5, debug_message=pb.DebugMessage()),
        message(6, overlapping_speech=Event.OverlappingSpeech(is_interruption=True)),
        pb.AgentSessionMessage(request=pb.SessionRequest(request_id="1")).SerializeToString(),
    ]
)


@given(st.lists(st.one_of(SENT, st.binary(max_size=60)), max_size=25))
def test_whatever_is_sent_in_whatever_order_becomes_events_of_the_table(sent: list[bytes]) -> None:
    for told in read(sent):
        topic = f"{told.stage}.{told.name}"
        assert topic in EVENTS
        assert list(event_check.differences("agent", topic, told.data)) == []
