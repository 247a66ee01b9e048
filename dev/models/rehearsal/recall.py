"""What was said in earlier talks: looked up with Letta's conversation_search, or in this talk alone."""

from __future__ import annotations

import json
import re
from typing import Any

from dev.models.rehearsal import memory
from dev.models.rehearsal.facts import recalled, swap_persons
from dev.models.rehearsal.memory import Message
from dev.models.rehearsal.steps import Say, Step, Use

SEARCH = "conversation_search"
MOST_RESULTS = 10


def step(topic: str, messages: list[Message], tools: set[str]) -> Step:
    """Search for `topic`, then say what was found; Letta searches for the very letters."""
    word = max(re.findall(r"[\w'-]+", topic), key=len)
    returned = [m for m in memory.since_user(messages) if m.get("role") == "tool"]
    if SEARCH in tools and not returned:
        return Use(SEARCH, {"query": word, "roles": ["user"], "limit": MOST_RESULTS})
    if returned:
        said = _results(memory.text_of(returned[-1]))
    else:
        said = [memory.text_of(m) for m in messages if m.get("role") == "user"]
    found = [text for text in said if word.lower() in text.lower() and not recalled(text)]
    if not found:
        return Say(f"I find nothing that you told me about {swap_persons(topic)}.")
    return Say(f"You said: {swap_persons(found[-1])}.")


def _results(answer: str) -> list[str]:
    """The texts in a return of conversation_search, oldest first."""
    try:
        message: Any = json.loads(answer).get("message")
        results = message.get("results") or []
    except (ValueError, AttributeError):
        return []
    ordered = sorted(results, key=lambda result: str(result.get("timestamp", "")))
    return [str(result.get("content", "")) for result in ordered]
