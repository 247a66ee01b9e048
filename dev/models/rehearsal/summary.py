"""A summary of the talk so far, which Letta asks for when a conversation outgrows its context."""

from __future__ import annotations

import re

from dev.models.rehearsal import memory
from dev.models.rehearsal.fact import swap_persons
from dev.models.rehearsal.memory import Message

# How the instructions of Letta 0.16.8 begin, be they the system message or the last of the person.
WANTED = re.compile(
    r"\b(?:create|write) a detailed summary\b|\byour (?:job|task) is to summari[sz]e\b", re.I
)
TRANSCRIPT = re.compile(r"<start_transcript>\n(?P<lines>.*)\n<end_transcript>", re.S)
BEGINNING = 300  # characters
MOST_WORDS = 250  # Letta asks for 300 at most


def is_wanted(messages: list[Message]) -> bool:
    first, last = memory.text_of(messages[0]), memory.last_user_text(messages)
    return any(WANTED.search(text[:BEGINNING]) for text in (first, last))


def of(messages: list[Message]) -> str:
    """The person's own sentences, the latest of them when they are too many."""
    transcript = TRANSCRIPT.search(memory.text_of(messages[-1]))
    if transcript:
        said = re.findall(r"^\[user\] (.+)$", transcript["lines"], re.M)
    else:
        said = [memory.text_of(m) for m in messages if m.get("role") == "user"][:-1]
    kept: list[str] = []
    for sentence in reversed(said):
        if sum(len(s.split()) for s in kept) + len(sentence.split()) > MOST_WORDS:
            break
        kept.insert(0, swap_persons(sentence.strip(" .")))
    if not kept:
        return "Nothing has been said yet."
    return f"The person said, one after the other: {'; '.join(kept)}."
