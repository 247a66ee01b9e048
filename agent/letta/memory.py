"""What was said in a call, and how much of it Letta holds: pure functions over LiveKit's chat
history.

LiveKit's history is the truth about what was said: it has the caller's committed words, and of each
reply what was heard. Letta learns the rest by requests. What Letta does not hold yet goes in front
of the next request, in order, so each user turn and each heard reply reaches Letta once, whatever
LiveKit speculated and however often it was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from livekit.agents import llm


@dataclass(frozen=True)
class Said:
    """A message of the talk; of an interrupted reply, the part that was heard."""

    id: str
    role: Literal["user", "assistant"]
    text: str
    interrupted: bool = False


def said(items: Iterable[llm.ChatItem], excuses: Set[str] = frozenset()) -> list[Said]:
    """The words of both sides. Excuses the worker made for Letta are not Letta's, so left out."""
    talk = []
    for item in items:
        if not isinstance(item, llm.ChatMessage):
            continue
        text = (item.text_content or "").strip()
        if item.role == "user" and text:
            talk.append(Said(item.id, "user", text))
        elif item.role == "assistant":
            for excuse in excuses:
                text = _without(text, excuse)
            if text:
                talk.append(Said(item.id, "assistant", text, item.interrupted))
    return talk


def until_user(talk: Sequence[Said]) -> list[Said]:
    """The talk up to the last turn of the caller."""
    last = max((at for at, one in enumerate(talk) if one.role == "user"), default=-1)
    return list(talk[: last + 1])


def missing(talk: Sequence[Said], held: Set[str]) -> list[Said]:
    """What Letta does not hold yet, in order."""
    return [one for one in talk if one.id not in held]


def answers(talk: Sequence[Said], user_id: str) -> list[Said] | None:
    """What was heard in reply to a user turn; None when that turn was never committed."""
    ids = [one.id for one in talk]
    if user_id not in ids:
        return None
    heard = []
    for one in talk[ids.index(user_id) + 1 :]:
        if one.role == "user":
            break
        heard.append(one)
    return heard


def heard_in_full(reply: str, heard: Sequence[Said]) -> bool:
    """Whether all that Letta wrote was heard, so that what Letta stored is right as it is."""
    if not heard:
        return not reply.strip()
    if not any(one.interrupted for one in heard):
        return True
    return _plain(reply) == _plain(" ".join(one.text for one in heard))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _without(text: str, excuse: str) -> str:
    """The text before an excuse, also when the excuse itself was interrupted."""
    if excuse in text:
        return text.replace(excuse, "").strip()
    for cut in range(len(excuse) - 1, 0, -1):
        if text.endswith(excuse[:cut]) and (cut == len(text) or cut > 8):
            return text[: len(text) - cut].strip()
    return text
