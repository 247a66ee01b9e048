"""What Letta does besides speaking is emitted at once: a tool that hangs is seen while it hangs."""

from __future__ import annotations

import json

from letta_client.types import ToolReturnMessage
from letta_client.types.agents import ToolCallMessage
from letta_client.types.agents.tool_call_delta import ToolCallDelta

from agent.letta.run import ThinkEvents
from tests.fast.agent.kept_events import collected

DATE = "2026-11-21T12:00:00+00:00"
ARGUMENTS = json.dumps({"label": "human", "value": "likes {braces}", "deep": {"n": 1}})


def piece(arguments: str, name: str | None = None, call_id: str | None = None) -> ToolCallMessage:
    delta = ToolCallDelta(arguments=arguments, name=name, tool_call_id=call_id)
    return ToolCallMessage.model_validate(
        {"id": "m", "date": DATE, "message_type": "tool_call_message", "tool_call": delta}
    )


def test_a_tool_call_is_told_when_its_arguments_are_whole_and_before_it_returns() -> None:
    events, emitted = collected()
    parts = ThinkEvents(events)
    parts.take(piece("", "memory_insert", "call_1"))
    for n, letter in enumerate(ARGUMENTS):
        assert emitted == [], f"told after {n} of {len(ARGUMENTS)} characters"
        parts.take(piece(letter))
    (call,) = emitted
    assert (call["stage"], call["name"]) == ("think", "tool_call")
    assert call["data"] == {"id": "call_1", "name": "memory_insert", "arguments": ARGUMENTS}

    parts.take(piece("", None, "call_1"))  # an empty rest
    parts.take(
        ToolReturnMessage.model_validate(
            {
                "id": "m",
                "date": DATE,
                "message_type": "tool_return_message",
                "tool_call_id": "call_1",
                "name": "memory_insert",
                "status": "success",
                "tool_return": "ok",
            }
        )
    )
    parts.flush()
    assert [event["name"] for event in emitted] == ["tool_call", "tool_return"]


def test_calls_of_two_tools_are_told_one_after_another() -> None:
    events, emitted = collected()
    parts = ThinkEvents(events)
    parts.take(piece("{}", "first", "call_1"))
    parts.take(piece('{"a": ', "second", "call_2"))
    assert [event["data"]["name"] for event in emitted] == ["first"]
    parts.take(piece("1}"))
    assert [event["data"]["name"] for event in emitted] == ["first", "second"]


def test_a_call_whose_arguments_never_become_whole_is_told_at_the_end() -> None:
    events, emitted = collected()
    parts = ThinkEvents(events)
    parts.take(piece('{"a": ', "broken", "call_1"))
    parts.flush()
    assert emitted[0]["data"]["arguments"] == '{"a": '
