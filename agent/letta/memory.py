"""What was said in a call, and how much of it Letta holds: pure functions over its messages.

LiveKit's history is the truth about what was said: it has the caller's committed words, and of each
reply what was heard. Letta learns the rest by requests. What Letta does not hold yet goes in front
of the next request, in order, so each user turn and each heard reply reaches Letta once, whatever
LiveKit speculated and however often it was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class SpokenMessage:
    """What one side said; of an interrupted reply, the part that was heard."""

    id: str
    role: Literal["user", "assistant"]
    text: str
    interrupted: bool = False


def without_excuses(messages: Iterable[SpokenMessage], excuses: Set[str]) -> list[SpokenMessage]:
    """The messages without the sentences that stood in for a reply of Letta: they are not its."""
    remaining = []
    for message in messages:
        if message.role == "assistant":
            text = message.text
            for excuse in excuses:
                text = _without(text, excuse)
            if not text:
                continue
            message = replace(message, text=text)
        remaining.append(message)
    return remaining


def until_user(messages: Sequence[SpokenMessage]) -> list[SpokenMessage]:
    """The messages up to the last turn of the caller."""
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
    return list(messages[: last + 1])


def missing(messages: Sequence[SpokenMessage], held: Set[str]) -> list[SpokenMessage]:
    """What Letta does not hold yet, in order."""
    return [message for message in messages if message.id not in held]


def answers(messages: Sequence[SpokenMessage], user_id: str) -> list[SpokenMessage] | None:
    """What was heard in reply to a user turn; None when that turn was never committed."""
    ids = [message.id for message in messages]
    if user_id not in ids:
        return None
    heard = []
    for message in messages[ids.index(user_id) + 1 :]:
        if message.role == "user":
            break
        heard.append(message)
    return heard


def heard_in_full(reply: str, heard: Sequence[SpokenMessage]) -> bool:
    """Whether all that Letta wrote was heard, so that what Letta stored is right as it is."""
    if not heard:
        return not reply.strip()
    if not any(message.interrupted for message in heard):
        return True
    return _plain(reply) == _plain(" ".join(message.text for message in heard))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _without(text: str, excuse: str) -> str:
    """The text before an excuse, also when the excuse itself was interrupted."""
    if excuse in text:
        return text.replace(excuse, "").strip()
    for length in range(len(excuse) - 1, 0, -1):
        if text.endswith(excuse[:length]) and (length == len(text) or length > 8):
            return text[: len(text) - length].strip()
    return text
