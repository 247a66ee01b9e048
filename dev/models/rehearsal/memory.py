"""What the model can know: Letta's memory blocks in the system prompt, and what was said and written since.

Letta renders the blocks into the system message as XML; a block's lines may carry numbers. Writes made
earlier in the same request's history are applied on top, since the system message may be older than they.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from dev.models.rehearsal.fact import MANY, Fact
from dev.models.rehearsal.facts import told

ABOUT_THE_PERSON = "human"
# A line that stops being true with the first fact, such as the first agent's block begins with.
NOTHING_YET = re.compile(r"\b(?:know|known) nothing\b|\bnothing (?:is )?known\b", re.I)
BLOCK_END = re.compile(r"</value>\s*</(?P<label>[\w-]+)>")
# Of the App Server, which puts a description and the text between the marks.
PLAIN_BLOCK = re.compile(
    r"^<(?P<label>[\w-]+)>\n(?:<description>[^\n]*</description>\n)?(?P<value>.*?)\n?</(?P=label)>$",
    re.M | re.S,
)
REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.S)
LINE_NUMBER = re.compile(r"^\s*\d+→ ?", re.M)

# More than anybody says in one breath, and little enough to be matched in some milliseconds.
MOST_CHARACTERS = 2000

Message = dict[str, Any]


@dataclass
class Memory:
    """The facts known now, and the label of the block that new ones belong in.

    Without a block (label None) what was said in this talk is all there is to know.
    """

    label: str | None
    value: str = ""
    said: list[Fact] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [line for line in self.value.split("\n") if line.strip()]

    @property
    def facts(self) -> list[Fact]:
        """Facts of the block, then those only said in this talk; the first of a key counts."""
        written = (fact for line in self.lines if (fact := Fact.from_line(line)))
        known: dict[tuple[str, str], Fact] = {}
        for fact in [*written, *self.said]:
            known.setdefault((fact.key, fact.value if fact.key in MANY else ""), fact)
        return list(known.values())

    def find(self, key: str) -> Fact | None:
        return next((fact for fact in self.facts if fact.key == key), None)

    def line_of(self, key: str) -> str | None:
        """The line of the block that holds `key`, exactly as it stands there."""
        for line in self.lines:
            fact = Fact.from_line(line)
            if fact is not None and fact.key == key:
                return line
        return None

    @property
    def nothing_yet(self) -> str | None:
        """The line that says that nothing is known."""
        return next((line for line in self.lines if NOTHING_YET.search(line)), None)

    def edit(self, line: str, new: str | None) -> tuple[str, str]:
        """What memory_replace must take out and put in to change `line`, or to remove it (None).

        The tool wants a text that the block has only once: the lines around it are taken in until
        that is so, and one of them when the line is removed, so that no empty line is left.
        """
        lines = self.value.split("\n")
        at = lines.index(line)
        first, last = at, at + 1
        while (new is None and last - first == 1) or self._times(lines[first:last]) > 1:
            if last < len(lines):
                last += 1
            elif first > 0:
                first -= 1
            else:
                break
        kept = [new] if new is not None else []
        changed = [*lines[first:at], *kept, *lines[at + 1 : last]]
        return "\n".join(lines[first:last]), "\n".join(changed)

    def _times(self, lines: list[str]) -> int:
        return self.value.count("\n".join(lines))


def read(messages: list[Message]) -> Memory:
    """The memory as of the last message of the history."""
    system = "\n".join(text_of(m) for m in messages if m.get("role") in ("system", "developer"))
    blocks = _blocks(system)
    label = ABOUT_THE_PERSON if ABOUT_THE_PERSON in blocks else None
    memory = Memory(label, blocks.get(ABOUT_THE_PERSON, "").removesuffix("\n"))
    results = {m.get("tool_call_id"): text_of(m) for m in messages if m.get("role") == "tool"}
    last_user = _last_user(messages)
    for position, message in enumerate(messages):
        if label is None and message.get("role") == "user" and position != last_user:
            memory.said += told(text_of(message))
        for call in message.get("tool_calls") or []:
            if succeeded(results.get(call.get("id"))):
                _apply(memory, call.get("function") or {})
    return memory


def _blocks(system: str) -> dict[str, str]:
    """The values of the memory blocks, by label: `<human>…<value>…</value></human>`, or without
    `<value>`."""
    if "<value>" not in system:
        return {block["label"]: block["value"] for block in PLAIN_BLOCK.finditer(system)}
    blocks: dict[str, str] = {}
    for end in BLOCK_END.finditer(system):
        begin = system.rfind(f"<{end['label']}>", 0, end.start())
        value = system.find("<value>", max(begin, 0), end.start())
        if begin >= 0 and value >= 0:
            text = system[value + len("<value>") : end.start()].removeprefix("\n")
            blocks[end["label"]] = LINE_NUMBER.sub("", text)
    return blocks


def succeeded(result: str | None) -> bool:
    """Whether a tool's return says that it worked; Letta sends JSON with a status, others plain text."""
    if result is None:
        return False
    try:
        parsed = json.loads(result)
    except ValueError:
        return not re.match(r"\s*(?:error|traceback)", result, re.I)
    return not (
        isinstance(parsed, dict) and str(parsed.get("status", "OK")).lower() in ("failed", "error")
    )


def text_of(message: Message) -> str:
    """The text of a message, whose content may be a string, a list of parts, or null; without what
    Letta puts in front of the person's words."""
    content = message.get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return REMINDER.sub("", content) if isinstance(content, str) else ""


def last_user_text(messages: list[Message]) -> str:
    """What the person said last; the beginning of it when it is a book."""
    position = _last_user(messages)
    return text_of(messages[position])[:MOST_CHARACTERS] if position is not None else ""


def since_user(messages: list[Message]) -> list[Message]:
    """The messages after the person's last: tool calls and their returns."""
    position = _last_user(messages)
    return messages[position + 1 :] if position is not None else []


def _last_user(messages: list[Message]) -> int | None:
    users = [n for n, message in enumerate(messages) if message.get("role") == "user"]
    return users[-1] if users else None


def _apply(memory: Memory, function: dict[str, Any]) -> None:
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError:
        return
    if arguments.get("label") != memory.label:
        return
    if function.get("name") == "memory_insert":
        new = [n for n in str(arguments.get("new_string", "")).split("\n") if n not in memory.lines]
        memory.value = "\n".join([memory.value, *new])
    elif function.get("name") == "memory_replace":
        before, after = str(arguments.get("old_string", "")), str(arguments.get("new_string", ""))
        memory.value = memory.value.replace(before, after) if before else memory.value
