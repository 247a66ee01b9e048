"""A tool that the person names: "use the tool NAME" calls it, so that every tool can be rehearsed."""

from __future__ import annotations

import re

from dev.models.rehearsal import memory
from dev.models.rehearsal.memory import Message
from dev.models.rehearsal.steps import Say, Step, Use

ASKED = re.compile(r"^\s*(?:please )?use the tool (?P<tool>[\w-]+)[.!]?\s*$", re.I)
LONGEST_RESULT = 200


def step(text: str, used: list[Message], tools: set[str]) -> Step | None:
    """Call the tool (without arguments), then say what it returned; None when none is asked for."""
    asked = ASKED.match(text)
    if asked is None:
        return None
    tool = asked["tool"]
    if tool not in tools:
        return Say(f"I have no tool called {tool}.")
    results = [memory.text_of(message) for message in used if message.get("role") == "tool"]
    if not results:
        return Use(tool, {})
    return Say(f"The tool {tool} returned: {results[-1][:LONGEST_RESULT]}")
