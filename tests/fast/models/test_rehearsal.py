"""The rehearsal partner over whole talks: Letta's messages in, tool calls and sentences out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.models.rehearsal import facts
from dev.models.rehearsal.fact import same
from dev.models.rehearsal.memory import last_user_text, read
from dev.models.rehearsal.numbers import number, spoken_number
from dev.models.rehearsal.replies import next_step
from dev.models.rehearsal.steps import Say, Use

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
        self.earlier: list[dict[str, str]] = []
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
        result: dict[str, Any] = {"status": "OK"}
        if tool == "conversation_search":
            found = [one for one in self.earlier if arguments["query"] in one["content"]]
            result["message"] = {"message": "Showing results", "results": found}
            self._returned(tool, arguments, call, result)
            return
        assert arguments["label"] == "human"
        if not self.fails and tool == "memory_insert":
            self.block = "\n".join(filter(None, [self.block, arguments["new_string"]]))
        elif not self.fails:
            assert self.block.count(arguments["old_string"]) == 1, "what Letta's tool insists on"
            self.block = self.block.replace(arguments["old_string"], arguments["new_string"])
        if self.fails:
            result = {"status": "Failed", "message": "disk full"}
        self._returned(tool, arguments, call, result)

    def _returned(
        self, tool: str, arguments: dict[str, Any], call: str, result: dict[str, Any]
    ) -> None:
        function = {"name": tool, "arguments": json.dumps(arguments)}
        calls = [{"id": call, "function": function}]
        self.messages += [
            {"role": "assistant", "content": None, "tool_calls": calls},
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
        ("my train is late", []),
        ("my sister is coming tomorrow", []),
        ("i like it", []),
        ("i changed my mind my favorite color is red", [("favorite color", "red")]),
        ("i just moved to new york", [("home", "New York")]),
        ("i have two cats called tom and jerry", [("cats", "Tom and Jerry")]),
        ("my birthday is in october", [("birthday", "in October")]),
        ("i'm allergic to peanuts", [("allergy", "peanuts")]),
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
    assert same("favorite collar", ["favorite color"]) == "favorite color"
    assert same("favorite food", ["favorite color"]) is None


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("who are you", "offline rehearsal model"),
        ("are you chat gpt", "offline rehearsal model"),
        ("what is seven times six", "forty two"),
        ("count to ten", "nine, ten"),
        ("repeat after me the sky is blue", "The sky is blue."),
        ("you are funny and i like you", "I am funny and you like me"),
        ("count to five please", "four, five."),
        ("what did you say", "not said anything"),
        ("can you cook dinner", "cannot"),
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


def test_the_line_that_says_nothing_is_known_goes_with_the_first_fact() -> None:
    talk = Talk("I know nothing about this person yet.")
    talk.say("my name is ada")
    assert talk.block == "name: Ada"


def test_of_two_lines_with_the_same_words_the_right_one_is_changed_or_removed() -> None:
    talk = Talk("favorite color: green\ncolor: green\nname: Ada")
    talk.say("my color is red")
    assert talk.block == "favorite color: green\ncolor: red\nname: Ada"
    talk = Talk("dog's color: green\ncolor: green")
    talk.say("forget my color")
    assert talk.block == "dog's color: green"


def test_a_removed_line_leaves_no_empty_one() -> None:
    talk = Talk("name: Ada\nhome: Rome\nage: six")
    talk.say("forget where i live")
    assert talk.block == "name: Ada\nage: six"


def test_what_belongs_to_somebody_else_is_kept_apart() -> None:
    talk = Talk()
    talk.say("my dog's favorite color is blue")
    talk.say("my favorite color is green")
    assert talk.say("what is my dog's favorite color") == "Your dog's favorite color is blue."
    assert talk.say("what is my favorite color") == "Your favorite color is green."


def test_earlier_talks_are_searched_for_what_was_said() -> None:
    talk = Talk()
    talk.earlier = [
        {"timestamp": "2026-01-01", "role": "user", "content": "i dug up the garden"},
        {"timestamp": "2026-01-02", "role": "user", "content": "i planted my garden"},
        {"timestamp": "2026-01-03", "role": "user", "content": "what did i say about the garden"},
    ]
    assert (
        talk.say("do you remember what i said about the garden")
        == "You said: you planted your garden."
    )
    assert "nothing" in talk.say("what did i tell you about my car")
    assert talk.used == ["conversation_search"] * 2


def test_without_a_search_tool_this_talk_is_searched() -> None:
    talk = Talk(tools=set())
    talk.say("i planted my garden")
    assert talk.say("what did i say about the garden") == "You said: you planted your garden."


def test_a_question_is_no_fact_and_a_wish_to_remember_is() -> None:
    talk = Talk()
    talk.say("do you remember what i said")
    assert talk.block == ""
    talk.say("can you remember that the code is one two three")
    assert talk.block == "note: the code is one two three"


def test_a_question_that_no_pattern_knows_is_answered_from_memory() -> None:
    talk = Talk("name: Ada\nsister: Emma\nnote: i parked the car on level three")
    assert talk.say("who is emma") == "Your sister is Emma."
    assert "level three" in talk.say("where did i park the car")
    assert "cannot look that up" in talk.say("what is the capital of france")


def test_the_last_words_of_either_are_said_once_more() -> None:
    talk = Talk()
    first = talk.say("tell me a joke")
    assert talk.say("can you say that again please") == first
    talk.say("the weather is nice")
    assert talk.say("what did i just say") == "You said: the weather is nice."


def test_everything_known_is_told_the_name_first() -> None:
    known = "\n".join(["name: Ada", *(f"note: thing number {n}" for n in range(12))])
    told = Talk(known).say("what do you know about me")
    assert told.startswith("I know that your name is Ada, ")
    assert "thing number 11" in told


def test_letta_gets_a_summary_when_it_asks_for_one() -> None:
    talk = Talk("name: Ada")
    talk.say("i planted my garden")
    talk.say("the sun was shining")
    assert (
        talk.say("Your task is to create a detailed summary of the conversation so far, …")
        == "The person said, one after the other: you planted your garden; the sun was shining."
    )
    transcript = "<start_transcript>\n[user] my back hurts\n[assistant] Oh.\n<end_transcript>"
    step = next_step(
        [
            {"role": "system", "content": "Your task is to create a detailed summary of …"},
            {"role": "user", "content": transcript},
        ],
        set(),
    )
    assert step == Say("The person said, one after the other: your back hurts.")


def test_a_tool_that_is_named_is_used_once_and_its_return_said() -> None:
    talk = Talk(tools={"conversation_search"})
    talk.messages.append({"role": "user", "content": "Please use the tool conversation_search."})
    assert next_step(talk.messages, talk.tools) == Use("conversation_search", {})
    talk._returned("conversation_search", {}, "call_1", {"status": "OK", "message": "3 found"})
    said = next_step(talk.messages, talk.tools)
    assert isinstance(said, Say)
    assert said.text.startswith("The tool conversation_search returned:") and "3 found" in said.text
    assert talk.say("use the tool telescope") == "I have no tool called telescope."


def test_the_memory_is_read_as_the_app_server_writes_it() -> None:
    system = (
        "You are an agent.\n\n<human>\n<description>What I know: human</description>\n"
        "name: Grace\nlikes: tea\n</human>\n\n<persona>\nI am Ada.\n</persona>\n\n"
        "<memory>\n# Memory\n</memory>"
    )
    reminder = {"type": "text", "text": "<system-reminder>\nMCP servers: None\n</system-reminder>"}
    words = {"type": "text", "text": "what is my name?"}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": system},
        {"role": "user", "content": [reminder, words]},
    ]
    memory = read(messages)
    assert memory.label == "human"
    assert [(fact.key, fact.value) for fact in memory.facts] == [
        ("name", "Grace"),
        ("likes", "tea"),
    ]
    assert last_user_text(messages).strip() == "what is my name?"
