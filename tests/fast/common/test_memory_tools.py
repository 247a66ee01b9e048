"""What an agent may do to its memory, and what is refused to it in words."""

from __future__ import annotations

from typing import Any

import pytest

from common.letta.memory_tools import LIMIT, ToolRefused, asked, changed, definitions

VALUE = "name: Ada\nlikes: tea\nlikes: cake"


@pytest.mark.parametrize(
    ("name", "arguments", "after"),
    [
        ("memory_insert", {"label": "human", "new_string": "age: 36"}, f"{VALUE}\nage: 36"),
        (
            "memory_insert",
            {"label": "human", "new_string": "age: 36", "insert_line": 0},
            f"age: 36\n{VALUE}",
        ),
        (
            "memory_replace",
            {"label": "human", "old_string": "tea", "new_string": "coffee"},
            "name: Ada\nlikes: coffee\nlikes: cake",
        ),
        (
            "memory_replace",
            {"label": "human", "old_string": "\nlikes: tea", "new_string": ""},
            "name: Ada\nlikes: cake",
        ),
    ],
)
def test_a_block_after_an_edit(name: str, arguments: dict[str, Any], after: str) -> None:
    assert changed(VALUE, asked(name, arguments)) == after


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("Bash", {"command": "id"}, "There is no tool 'Bash'"),
        ("memory_insert", {"label": "human"}, "new_string: Field required"),
        ("memory_insert", {"label": 1, "new_string": "x"}, "label: Input should be"),
        (
            "memory_insert",
            {"label": "human", "new_string": "x", "insert_line": 9},
            "there is no line 9",
        ),
        (
            "memory_insert",
            {"label": "human", "new_string": "x" * LIMIT},
            f"{LIMIT} are allowed",
        ),
        (
            "memory_replace",
            {"label": "human", "old_string": "beer", "new_string": "x"},
            "does not have the text 'beer'",
        ),
        (
            "memory_replace",
            {"label": "human", "old_string": "", "new_string": "x"},
            "does not have the text ''",
        ),
        (
            "memory_replace",
            {"label": "human", "old_string": "likes", "new_string": "x"},
            "'likes' 2 times",
        ),
    ],
)
def test_what_cannot_be_done_is_said_to_the_model(
    name: str, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(ToolRefused) as refused:
        changed(VALUE, asked(name, arguments))
    assert told in str(refused.value)


def test_an_empty_block_gets_its_first_line() -> None:
    edit = asked("memory_insert", {"label": "human", "new_string": "name: Ada"})
    assert changed("", edit) == "name: Ada"


def test_the_model_is_told_what_each_argument_is() -> None:
    for tool in definitions():
        parameters = tool["parameters"]
        assert set(parameters["required"]) <= parameters["properties"].keys()
        assert all(
            {"type", "description"} == field.keys() for field in parameters["properties"].values()
        )
