"""The rehearsal partner over whole talks: Letta's messages in, tool calls and sentences out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.models.rehearsal import facts
from dev.models.rehearsal.numbers import number, spoken_number
from dev.models.rehearsal.replies import next_step
from dev.models.rehearsal.steps import Say

LETTA_TOOLS = {"memory_insert", "memory_replace", "conversation_search"}
SYSTEM = """You are a voice agent.
<memory_blocks>
The following memory blocks are currently engaged in your core memory unit:

<persona>
<description>
Who you are.
</description>
<metadata>
- chars_current=9
- chars_limit=20000
</metadata>
<value>
I am Ada.
</value>
</persona>

<human>
<description>
What you know about the person.
</description>
<metadata>
- chars_current={size}
- chars_limit=20000
</metadata>
<value>
{value}
</value>
</human>

</memory_blocks>"""


class Talk:
    """Plays Letta: renders the block when a talk begins, runs memory tools, keeps the history."""

    def __init__(
        self, block: str = "", tools: set[str] = LETTA_TOOLS, *, fails: bool = False
    ) -> None:
        self.block, self.tools, self.fails = block, tools, fails
        self.messages: list[dict[str, Any]] = []
        self.used: list[str] = []
        self.begin()

    def begin(self) -> None:
        """A new conversation: the system message shows the block as it is now."""
        self.messages = [
            {"role": "system", "content": SYSTEM.format(value=self.block, size=len(self.block))}
        ]

    def say(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        for number_of_step in range(20):
            step = next_step(self.messages, self.tools)
            if isinstance(step, Say):
                self.messages.append({"role": "assistant", "content": step.text})
                return step.text
            self.used.append(step.tool)
            self._run(step.tool, step.arguments, f"call_{len(self.messages)}_{number_of_step}")
        raise AssertionError(f"no end of tool calls: {self.used}")

    def _run(self, tool: str, arguments: dict[str, Any], call: str) -> None:
        assert arguments["label"] == "human"
        if not self.fails and tool == "memory_insert":
            self.block = "\n".join(filter(None, [self.block, arguments["new_string"]]))
        elif not self.fails:
            assert arguments["old_string"] in self.block, "memory_replace needs the exact text"
            self.block = self.block.replace(arguments["old_string"], arguments["new_string"])
        result = {"status": "Failed", "message": "disk full"} if self.fails else {"status": "OK"}
        function = {"name": tool, "arguments": json.dumps(arguments)}
        self.messages += [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": call, "function": function}],
            },
            {"role": "tool", "tool_call_id": call, "content": json.dumps(result)},
        ]


def test_what_is_told_is_written_and_known_in_the_same_talk_and_the_next() -> None:
    talk = Talk()
    assert "green" in talk.say("my favorite color is green")
    assert (talk.block, talk.used) == ("favorite color: green", ["memory_insert"])
    assert talk.say("what is my favorite color") == "Your favorite color is green."
    talk.begin()
    assert talk.say("do you know what my favourite colour is") == "Your favorite color is green."


def test_a_change_replaces_the_line_and_nothing_else() -> None:
    talk = Talk("Met in spring.\nfavorite color: green\nname: Ada")
    assert "blue" in talk.say("well my favorite color is blue now")
    assert talk.block == "Met in spring.\nfavorite color: blue\nname: Ada"
    assert talk.say("what's my favorite color") == "Your favorite color is blue."


def test_the_same_told_twice_is_written_once() -> None:
    talk = Talk("name: Ada")
    assert "in my memory" in talk.say("my name is ada")
    assert talk.used == []


def test_two_facts_in_one_sentence_are_one_write() -> None:
    talk = Talk()
    reply = talk.say("hello my name is ada lovelace and i live in london")
    assert (talk.block, talk.used) == ("name: Ada Lovelace\nhome: London", ["memory_insert"])
    assert "Ada Lovelace" in reply
    assert talk.say("where do i live") == "You live in London."


def test_forget_removes_and_is_gone() -> None:
    talk = Talk("name: Ada\nfavorite color: green")
    assert "forgotten" in talk.say("forget my favorite color")
    assert "green" not in talk.block
    assert "not told me" in talk.say("what is my favorite color")
    assert "forgotten" in talk.say("forget everything about me")
    assert "Ada" not in talk.block


def test_a_failed_write_is_said() -> None:
    assert Talk(fails=True).say("my name is ada") == "My memory did not work: disk full"


def test_without_memory_tools_it_says_how_long_it_knows() -> None:
    talk = Talk(tools=set())
    assert "during this talk" in talk.say("my name is ada")


def test_lines_with_numbers_are_read_as_lines() -> None:
    assert Talk("1→ name: Ada\n2→ home: Rome").say("where do i live") == "You live in Rome."


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("my dog's name is rex", [("dog", "Rex")]),
        ("i have a cat named tom", [("cat", "Tom")]),
        ("i am thirty four years old", [("age", "thirty four")]),
        ("please remember that the meeting is on friday", [("note", "the meeting is on friday")]),
        ("i like chocolate and my brother is tom", [("likes", "chocolate"), ("brother", "Tom")]),
        ("Call me Grace.", [("name", "Grace")]),
        ("i am tired today", []),
        ("what is my name", []),
        ("my question is whether it rains", []),
    ],
)
def test_what_is_a_fact(said: str, expected: list[tuple[str, str]]) -> None:
    assert [(fact.key, fact.value) for fact in facts.told(said)] == expected


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("what is the name of my dog", "dog"),
        ("hey what's my dog's name", "dog"),
        ("how old am i", "age"),
        ("what do you know about me", facts.EVERYTHING),
        ("can you tell me what my favorite color is", "favorite color"),
        ("what is the capital of france", None),
        ("my name is ada", None),
    ],
)
def test_what_is_asked(said: str, key: str | None) -> None:
    assert facts.asked(said) == key


def test_a_misheard_key_is_the_known_one_and_another_is_not() -> None:
    assert facts.same("favorite collar", ["favorite color"]) == "favorite color"
    assert facts.same("favorite food", ["favorite color"]) is None


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("who are you", "offline rehearsal model"),
        ("are you chat gpt", "offline rehearsal model"),
        ("what is seven times six", "forty two"),
        ("count to ten", "nine, ten"),
        ("repeat after me the sky is blue", "the sky is blue"),
        ("i went to the market", "you went to the market"),
        ("what is the capital of france", "capital of france"),
        ("", "other words"),
    ],
)
def test_replies_are_about_what_was_said(said: str, part: str) -> None:
    assert part in Talk().say(said)


@pytest.mark.parametrize("value", [0, 7, 19, 20, 21, 99, 100, 342, 1000, 12_345])
def test_numbers_are_read_as_they_are_spoken(value: int) -> None:
    assert number(spoken_number(value)) == value
