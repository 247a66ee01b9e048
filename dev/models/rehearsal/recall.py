"""What was said in earlier talks: looked up with Letta's conversation_search, or in this talk alone."""

from __future__ import annotations

import json
import re
from typing import Any

from dev.models.rehearsal import memory
from dev.models.rehearsal.fact import swap_persons
from dev.models.rehearsal.facts import recalled
from dev.models.rehearsal.memory import Message
from dev.models.rehearsal.steps import Say, Step, Use

SEARCH = "conversation_search"
MOST_RESULTS = 10
AGAIN = re.compile(
    r"^(?:(?:please |can you |could you )?(?:repeat|say) (?:that|it)(?: again)?|say (?:that |it )?again"
    r"|what did you (?:just )?say|pardon(?: me)?|sorry what|excuse me what)(?: again)?(?: please)?$",
    re.I,
)
MY_WORDS = re.compile(r"\bwhat did i (?:just )?say$", re.I)


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


def just_now(text: str, messages: list[Message]) -> str | None:
    """The last reply once more, or what the person said before, when `text` asks for that."""
    plain = text.strip(" .!?")
    if AGAIN.match(plain):
        replies = [memory.text_of(m) for m in messages if m.get("role") == "assistant"]
        return next(
            (reply for reply in reversed(replies) if reply), "I have not said anything yet."
        )
    if MY_WORDS.search(plain):
        said = [memory.text_of(m) for m in messages if m.get("role") == "user"][:-1]
        return f"You said: {said[-1].strip(' .')}." if said else "You have not said anything yet."
    return None


def _results(answer: str) -> list[str]:
    """The texts in a return of conversation_search, oldest first."""
    try:
        message: Any = json.loads(answer).get("message")
        results = message.get("results") or []
    except (ValueError, AttributeError):
        return []
    ordered = sorted(results, key=lambda result: str(result.get("timestamp", "")))
    return [str(result.get("content", "")) for result in ordered]
