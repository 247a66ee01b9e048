"""What Letta does besides speaking is emitted at once: a tool that hangs is seen while it hangs."""

from __future__ import annotations

import json

from agent.letta.run import ThinkEvents
from common.letta.backend import MemoryChange, ToolCall, ToolReturn
from tests.fast.agent.kept_events import collected

ARGUMENTS = json.dumps({"label": "human", "value": "likes {braces}", "deep": {"n": 1}})


def piece(arguments: str, name: str = "", call_id: str = "") -> ToolCall:
    return ToolCall(call_id, name, arguments)


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

    parts.take(piece("", "", "call_1"))  # an empty rest
    parts.take(ToolReturn("call_1", "memory_insert", "success", "ok"))
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


def test_what_a_tool_made_of_the_memory_is_told_after_its_return() -> None:
    events, emitted = collected()
    parts = ThinkEvents(events)
    parts.take(piece("{}", "memory_insert", "call_1"))
    parts.take(ToolReturn("call_1", "memory_insert", "success", "ok"))
    parts.take(MemoryChange("call_1", "human", "", "name: Ada"))
    assert [event["name"] for event in emitted] == ["tool_call", "tool_return", "memory"]
    assert emitted[-1]["data"] == {
        "id": "call_1",
        "label": "human",
        "before": "",
        "after": "name: Ada",
    }
