"""OpenAI's chat format: chunks that add up to the whole answer."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dev.models.rehearsal.options import Answer, CannotBeDone
from dev.models.rehearsal.wire import ChatMessage, ChatRequest, chunks, completion

ASKED = [ChatMessage(role="user", content="hello")]


def test_words_are_streamed_one_by_one_and_nothing_is_lost() -> None:
    text = "Hello, Ada.  What now?"
    told = list(chunks(ChatRequest(messages=ASKED), Answer(text=text)))
    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == text
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None] * 5 + ["stop"]
    assert len({chunk["id"] for chunk in told}) == 1


def test_a_tool_call_has_an_index_an_id_and_its_arguments() -> None:
    arguments = json.dumps({"label": "human", "new_string": "name: Ada"})
    use = Answer(tool="memory_insert", arguments=arguments)
    _, delta, last = chunks(ChatRequest(messages=ASKED), use)
    (call,) = delta["choices"][0]["delta"]["tool_calls"]
    assert (call["index"], call["type"]) == (0, "function")
    assert call["id"].startswith("call_")
    assert call["function"]["name"] == "memory_insert"
    assert call["function"]["arguments"] == arguments
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_comes_last_when_it_is_asked_for() -> None:
    wanted = ChatRequest.model_validate(
        {"messages": ASKED, "stream_options": {"include_usage": True}}
    )
    *others, last = chunks(wanted, Answer(text="Hello."))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert not any("usage" in chunk for chunk in others)


def test_the_whole_answer_has_the_same_parts() -> None:
    wanted = ChatRequest(messages=ASKED)
    said = completion(wanted, Answer(text="Hello."))["choices"][0]
    assert (said["message"]["content"], said["finish_reason"]) == ("Hello.", "stop")
    used = completion(wanted, Answer(tool="t", arguments="{}"))["choices"][0]
    assert used["message"]["tool_calls"][0]["function"] == {"name": "t", "arguments": "{}"}


INSERT = {
    "type": "function",
    "function": {
        "name": "memory_insert",
        "parameters": {"type": "object", "required": ["label", "new_string"]},
    },
}
SPEAK = {
    "type": "function",
    "function": {"name": "send_message", "parameters": {"required": ["message"]}},
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}
MEMORY = "<memory_blocks>\n<human>\n<value>\nname: Ada\n</value>\n</human>\n</memory_blocks>"


def asked(text: str, **options: Any) -> Answer:
    messages = [
        {"role": "system", "content": MEMORY},
        {"role": "user", "content": text},
    ]
    return ChatRequest.model_validate({"messages": messages, **options}).answered()


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("choice", "tools", "tool"),
    [
        ("auto", [INSERT], "memory_insert"),
        ("none", [INSERT], ""),
        ("required", [INSERT, CLOCK], "memory_insert"),
        (named("memory_insert"), [INSERT, CLOCK], "memory_insert"),
        (named("clock"), [INSERT, CLOCK], "clock"),
        (named("send_message"), [INSERT, SPEAK], "send_message"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [named("clock")]}, [INSERT, CLOCK], ""),
    ],
)
def test_a_tool_is_called_as_the_request_wants_it(choice: Any, tools: list[Any], tool: str) -> None:
    answer = asked("My favorite color is green.", tools=tools, tool_choice=choice)
    assert (answer.tool, answer.reason) == (tool, "tool_calls" if tool else "stop")


def test_who_must_use_a_tool_to_speak_does_so() -> None:
    spoken = asked("Hello", tools=[INSERT, SPEAK], tool_choice="required")
    assert json.loads(spoken.arguments) == {"message": asked("Hello").text}


def test_an_answer_has_no_more_tokens_than_are_wanted() -> None:
    long = asked("count to twenty")
    short = asked("count to twenty", max_tokens=3)
    assert (short.text, short.reason) == (long.text[:12], "length")
    assert asked("count to twenty", max_completion_tokens=1000) == long
    usage = completion(ChatRequest(messages=ASKED), short)["usage"]
    assert usage["completion_tokens"] == 3


def test_an_answer_may_be_a_json_object() -> None:
    words = asked("Hello").text
    assert json.loads(asked("Hello", response_format={"type": "json_object"}).text) == {
        "reply": words
    }
    assert asked("Hello", response_format={"type": "text"}).text == words


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tool_choice": "required", "tools": [INSERT]}, "tool_choice: the rehearsal partner is a"),
        ({"tool_choice": "required"}, "tool_choice: the rehearsal partner is a script"),
        ({"tool_choice": named("x"), "tools": [INSERT]}, "no tool 'x' among memory_insert"),
        ({"tool_choice": "sometimes"}, "tool_choice: 'sometimes' is none of"),
        ({"response_format": {"type": "json_schema"}}, "response_format: 'json_schema' is more"),
        ({"n": 2}, "n: 2 answers are not made"),
    ],
)
def test_what_a_script_cannot_do_is_refused_in_words(options: Any, reason: str) -> None:
    with pytest.raises(CannotBeDone, match=re.escape(reason)):
        asked("Hello", **options)
