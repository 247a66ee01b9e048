"""The partner's next step: a call of a memory tool, or something to say."""

from __future__ import annotations

import json
from typing import Any

from dev.models.rehearsal import asked_tool, facts, memory, recall, summary, talk
from dev.models.rehearsal.fact import MANY, Fact, same
from dev.models.rehearsal.facts import EVERYTHING
from dev.models.rehearsal.memory import Memory, Message
from dev.models.rehearsal.steps import Say, Step, Use

SPOKEN_FACTS = 8
SPOKEN_CHARACTERS = 120
STEM = 4  # letters: "park" and "parked" are the same word


def next_step(messages: list[Message], tools: set[str]) -> Step:
    """What comes after `messages` (OpenAI's chat format), with the tools named in `tools` on offer."""
    text = memory.last_user_text(messages)
    known = memory.read(messages)
    used = memory.since_user(messages)
    for result in (memory.text_of(m) for m in used if m.get("role") == "tool"):
        if not memory.succeeded(result):
            return Say(f"My memory did not work: {_reason(result)}")
    if summary.is_wanted(messages):
        return Say(summary.of(messages))
    if step := asked_tool.step(text, used, tools):
        return step
    if key := facts.forgotten(text):
        return _forget(key, known, tools, done=bool(used))
    if new := facts.told(text):
        return _learn(new, known, tools, done=bool(used))
    if topic := facts.recalled(text):
        return recall.step(topic, messages, tools)
    if key := facts.asked(text):
        return Say(_tell(key, known))
    if said := recall.just_now(text, messages):
        return Say(said)
    name = known.find("name")
    reply = talk.scripted(text, name.value if name else None)
    return Say(reply or _about(text, known) or talk.reflect(text))


def _learn(new: list[Fact], known: Memory, tools: set[str], *, done: bool) -> Step:
    """Write what is not in memory yet, one call a step, then confirm all of it in one sentence."""
    can_write = known.label is not None
    keys = [fact.key for fact in known.facts]
    new = [Fact(same(fact.key, keys) or fact.key, fact.value) for fact in new]
    for fact in new if can_write and "memory_replace" in tools else []:
        line = known.line_of(fact.key)
        if line is not None and line != fact.line and fact.key not in MANY:
            return _replace(known, line, fact.line)
    missing = [fact.line for fact in new if fact.line not in known.lines and (fact.key in MANY or known.line_of(fact.key) is None)]  # fmt: skip
    if missing and can_write and known.nothing_yet and "memory_replace" in tools:
        return _replace(known, known.nothing_yet, "\n".join(missing))
    if missing and can_write and "memory_insert" in tools:
        return Use("memory_insert", {"label": known.label, "new_string": "\n".join(missing)})
    sentence = _sentence(_joined(fact.spoken() for fact in new))
    if missing:
        return Say(f"{sentence} I have no memory tool here, so I know it only during this talk.")
    if not done:
        return Say(f"Yes, that is in my memory. {sentence}")
    if new[0].key == "name":
        return Say(
            f"Nice to meet you, {new[0].value}. I will remember that {_joined(f.spoken() for f in new)}."
        )
    return Say(f"Okay, I will remember that {_joined(fact.spoken() for fact in new)}.")


def _replace(known: Memory, line: str, new: str | None) -> Use:
    old_string, new_string = known.edit(line, new)
    return Use(
        "memory_replace",
        {"label": known.label, "old_string": old_string, "new_string": new_string},
    )


def _forget(key: str, known: Memory, tools: set[str], *, done: bool) -> Step:
    lines = known.lines if key == EVERYTHING else []
    what = "you" if key == EVERYTHING else f"your {key}"
    if key != EVERYTHING and (match := same(key, [fact.key for fact in known.facts])):
        lines = [line for line in [known.line_of(match)] if line]
    lines = [line for line in lines if Fact.from_line(line)]
    if lines and "memory_replace" in tools:
        return _replace(known, lines[0], None)
    if done:
        return Say(f"Done. I have forgotten what I knew about {what}.")
    return Say(f"I do not know anything about {what} that I could forget.")


def _tell(key: str, known: Memory) -> str:
    if key == EVERYTHING:
        if not known.facts:
            return "I do not know anything about you yet. Tell me your name, for example."
        name = known.find("name")
        others = [fact for fact in known.facts if fact != name][-SPOKEN_FACTS:]
        shown = [name, *others] if name else others
        return f"I know that {_joined(fact.spoken() for fact in shown)}."
    match = same(key, [fact.key for fact in known.facts])
    if match is None:
        return f"You have not told me your {key} yet. What is it?"
    found = [fact.value for fact in known.facts if fact.key == match]
    return _sentence(Fact(match, _joined(dict.fromkeys(found))).spoken())


def _about(text: str, known: Memory) -> str | None:
    """A question that no pattern knows is answered with the fact that shares most words with it."""
    if not talk.is_question(text):
        return None
    stems = {word[:STEM] for word in talk.content(text)}

    def shared(fact: Fact) -> int:
        return len(stems & {word[:STEM] for word in talk.content(fact.line)})

    best = max(known.facts, key=shared, default=None)
    return _sentence(best.spoken()) if best is not None and shared(best) else None


def _reason(result: str) -> str:
    """Why a tool failed, short enough to be spoken."""
    try:
        told = str(json.loads(result)["message"])
    except (ValueError, KeyError, TypeError):
        told = result
    return told if len(told) <= SPOKEN_CHARACTERS else f"{told[:SPOKEN_CHARACTERS]} and so on."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _joined(parts: Any) -> str:
    *first, last = list(parts)
    return f"{', '.join(first)} and {last}" if first else str(last)
