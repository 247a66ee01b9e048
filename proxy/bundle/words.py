"""Takes out what people said in calls, and what the agent said, remembers and did with it.

Of an event only what tells of the machinery is kept. What was taken out is then looked for in all
other texts as well: logs and evidence quote it. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

STAGES = frozenset({"hear", "transcribe", "think", "speak", "play"})
"""Those whose events carry words."""
SPOKEN = re.compile(
    r"text|heard|reply|said|words?|transcript|reasoning|arguments|args|result|content|value|query|"
    r"input|output|memory|human|persona|delta|partial|greeting|utterance|user_transcript|prompt|"
    r"user|new_str|old_str",
    re.IGNORECASE,
)
"""Fields that hold words, in whatever event, and in lines of logs."""
TOLD = frozenset(
    {
        "error",
        "message",
        "what",
        "next",
        "reason",
        "consequence",
        "sentence",
        "detail",
        "kind",
        "status",
        "state",
        "code",
        "provider",
        "model",
        "url",
        "label",
        "source",
        "name",
        "traceback",
        "user_agent",
        "stop_reason",
        "next_step",
    }
)
"""Fields of the machinery, whose sentences are kept."""
_IN_LOGS = re.compile(
    rf"""(?P<before>(?<![\w-])(?:{SPOKEN.pattern})\\?["']?\s*[:=]\s*)"""
    r"""(?P<value>\\?"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""",
    re.IGNORECASE,
)
_IN_EVIDENCE = re.compile(
    rf"(?P<before>\b(?:{'|'.join(sorted(STAGES))})\.\w+: (?:.*?, )?(?:{SPOKEN.pattern}) )"
    r"(?P<value>[^\n]+)"
)
"""An event as a verdict quotes it: `speak.request: turn 1, text Okay`."""
_SENTENCE = re.compile(r"(?<=[.!?…;:,])\s+|\n")
TELLING = 12
"""A shorter text is not looked for elsewhere: it may stand there for another reason."""
SIGN = 20
"""So many first characters of a text are the text, wherever it goes on differently or is cut."""
TEXTS_MAX = 4000


class Words:
    """`events` are to be taken through `event` first; `text` then knows what was said in them."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event without words."""
        strict = event.get("stage") in STAGES
        return {**event, "data": self._data(event.get("data") or {}, strict)}

    def text(self, text: str) -> str:
        """A text without the words of any event that was seen, nor of fields that hold words."""
        text = _IN_LOGS.sub(lambda found: f'{found["before"]}"{_blank(found["value"])}"', text)
        text = _IN_EVIDENCE.sub(lambda found: found["before"] + _blank(found["value"]), text)
        small = text.lower()
        for said in self._said:
            sign = said[:SIGN].lower()
            if sign in small:
                text = _without(text, said)
                small = text.lower()
        return text

    def _data(self, value: Any, strict: bool, name: str = "", *, spoken: bool = False) -> Any:
        """`spoken` is what is within a field that holds words."""
        spoken = spoken or SPOKEN.fullmatch(name) is not None
        match value:
            case str() if value.strip() and (spoken or (strict and _is_sentence(value, name))):
                self._remember(value)
                return _blank(value)
            case Mapping():
                return {
                    each: self._data(value[each], strict, str(each), spoken=spoken)
                    for each in value
                }
            case list() | tuple():
                return [self._data(each, strict, name, spoken=spoken) for each in value]
            case _:
                return value

    def _remember(self, value: str) -> None:
        for part in (value.strip(), *_SENTENCE.split(value)):
            if len(part.strip()) >= TELLING and len(self._said) < TEXTS_MAX:
                self._said.add(part.strip())


def _is_sentence(value: str, name: str) -> bool:
    """Whether a text may be somebody's words, in an event of which nobody told its fields."""
    return name not in TOLD and len(value.split()) > 1


def _blank(value: str) -> str:
    return f"({len(value)} characters, left out)"


def _without(text: str, said: str) -> str:
    """`text` without `said`, and without as much of it as stands there when it is cut."""
    sign = re.escape(said[:SIGN])
    result, at = [], 0
    for found in re.finditer(sign, text, re.IGNORECASE):
        if found.start() < at:
            continue
        end = found.end()
        while (
            end - found.start() < len(said)
            and end < len(text)
            and text[end].lower() == said[end - found.start()].lower()
        ):
            end += 1
        result += [text[at : found.start()], "(words left out)"]
        at = end
    return "".join([*result, text[at:]])
