"""OpenAI's chat format: chunks that add up to the whole answer."""

from __future__ import annotations

import json

from dev.models.rehearsal.steps import Say, Use
from dev.models.rehearsal.wire import ChatMessage, ChatRequest, Function, Tool, chunks, completion

ASKED = [ChatMessage(role="user", content="hello")]


def test_words_are_streamed_one_by_one_and_nothing_is_lost() -> None:
    text = "Hello, Ada.  What now?"
    told = list(chunks(ChatRequest(messages=ASKED), Say(text)))
    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == text
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None] * 5 + ["stop"]
    assert len({chunk["id"] for chunk in told}) == 1


def test_a_tool_call_has_an_index_an_id_and_its_arguments() -> None:
    use = Use("memory_insert", {"label": "human", "new_string": "name: Ada"})
    _, delta, last = chunks(ChatRequest(messages=ASKED), use)
    (call,) = delta["choices"][0]["delta"]["tool_calls"]
    assert (call["index"], call["type"]) == (0, "function")
    assert call["id"].startswith("call_")
    assert call["function"]["name"] == "memory_insert"
    assert json.loads(call["function"]["arguments"]) == use.arguments
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_comes_last_when_it_is_asked_for() -> None:
    wanted = ChatRequest.model_validate(
        {"messages": ASKED, "stream_options": {"include_usage": True}}
    )
    *others, last = chunks(wanted, Say("Hello."))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert not any("usage" in chunk for chunk in others)


def test_the_whole_answer_has_the_same_parts() -> None:
    wanted = ChatRequest(messages=ASKED)
    said = completion(wanted, Say("Hello."))["choices"][0]
    assert (said["message"]["content"], said["finish_reason"]) == ("Hello.", "stop")
    used = completion(wanted, Use("t", {}))["choices"][0]
    assert used["message"]["tool_calls"][0]["function"] == {"name": "t", "arguments": "{}"}


def test_tools_may_be_forbidden() -> None:
    tools = [Tool(function=Function(name="memory_insert"))]
    assert ChatRequest(messages=ASKED, tools=tools).tool_names == {"memory_insert"}
    assert ChatRequest(messages=ASKED, tools=tools, tool_choice="none").tool_names == set()
