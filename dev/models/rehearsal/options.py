"""What a request may ask of the answer: a tool or none, a form, a length. What a script cannot do
is refused in words, so that nobody takes it for done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dev.models.rehearsal.steps import Say, Step, Use

CHARACTERS_A_TOKEN = 4  # an estimate: there is no tokenizer behind a script
SPEAKS = "send_message"  # the tool by which some of Letta's agents talk


class CannotBeDone(ValueError):
    """`param` is the field of the request that is refused."""

    def __init__(self, param: str, reason: str) -> None:
        super().__init__(f"{param}: {reason}")
        self.param = param


@dataclass(frozen=True)
class Answer:
    """What is sent: words, or the name of a tool and its arguments in JSON."""

    text: str = ""
    tool: str = ""
    arguments: str = ""
    cut: bool = False  # max_tokens ended it

    @property
    def reason(self) -> str:
        return "length" if self.cut else "tool_calls" if self.tool else "stop"


def offered(choice: Any, tools: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of the tools that `choice` (tool_choice) leaves. Raises CannotBeDone."""
    if choice in (None, "auto", "required"):
        return set(tools)
    if choice == "none":
        return set()
    if not isinstance(choice, dict):
        raise CannotBeDone("tool_choice", f"{choice!r} is none of none, auto, required, a tool")
    if choice.get("type") == "allowed_tools":
        inner = choice.get("allowed_tools") or choice
        names = {_name(tool) for tool in inner.get("tools", [])}
    else:
        names = {_name(choice)}
    if unknown := sorted(names - set(tools)):
        there = ", ".join(sorted(tools)) or "none"
        raise CannotBeDone("tool_choice", f"there is no tool {unknown[0]!r} among {there}")
    return names


def _name(tool: Any) -> str:
    function = tool.get("function", tool) if isinstance(tool, dict) else {}
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def is_forced(choice: Any) -> bool:
    """Whether a tool must be called."""
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        return (choice.get("allowed_tools") or choice).get("mode") == "required"
    return choice == "required" or isinstance(choice, dict)


def with_a_tool(step: Step, names: set[str], tools: Mapping[str, Mapping[str, Any]]) -> Use:
    """`step` as the call of a tool. Raises CannotBeDone where a script has no call to make."""
    if isinstance(step, Use):
        return step
    if SPEAKS in names:
        return Use(SPEAKS, {"message": step.text})
    for name in sorted(names):
        if not tools[name].get("required"):
            return Use(name, {})
    raise CannotBeDone(
        "tool_choice",
        f"the rehearsal partner is a script, and does not know what to write into "
        f"{', '.join(sorted(names)) or 'a tool when there is none'} here",
    )


def answer(step: Step, form: Any, most_tokens: int | None) -> Answer:
    """`step` in the form (response_format) and the length that are wanted. Raises CannotBeDone."""
    text = step.text if isinstance(step, Say) else json.dumps(step.arguments)
    if isinstance(step, Say) and _is_json(form):
        text = json.dumps({"reply": step.text})
    cut = most_tokens is not None and len(text) > most_tokens * CHARACTERS_A_TOKEN
    if cut:
        text = text[: (most_tokens or 0) * CHARACTERS_A_TOKEN]
    if isinstance(step, Say):
        return Answer(text=text, cut=cut)
    return Answer(tool=step.tool, arguments=text, cut=cut)


def _is_json(form: Any) -> bool:
    kind = form.get("type") if isinstance(form, dict) else form
    if kind in (None, "text"):
        return False
    if kind == "json_object":
        return True
    raise CannotBeDone(
        "response_format",
        f"{kind!r} is more than a script can do; it has text and json_object "
        '(an object with its words as "reply")',
    )
