"""What the caller hears in place of a reply, in one short sentence, and the failures of a turn that
only its call can see."""

from __future__ import annotations

import math

from common.failures import Failure
from common.letta.errors import CONVERSATION_GONE, MEMORY_TOO_LARGE, LettaError

CANNOT_REACH = "I cannot reach my memory right now. Please try again in a moment."
CANNOT_THINK = "I cannot think right now, because my language model does not answer."
INTERRUPTED = "My memory was interrupted. Please say that again."
OVERLOADED = "My memory is overloaded."

ONE_MOMENT = "I need a moment, my memory is not there. I will answer as soon as it is back."
STILL_AWAY = "My memory is not back yet. I will answer as soon as it is."
READY = "Thank you for waiting. I am ready now."

SAID_NOTHING = "letta_said_nothing"

EXCUSES = {
    "no_agent": "There is no Letta agent yet. Please create one first.",
    "agent_not_found": "The agent of this call does not exist anymore. Please choose another one.",
    "letta_unauthorized": "I am not allowed to reach my memory. The key for Letta is wrong.",
    "first_token_timeout": "I am sorry, my answer takes too long. Please ask me again.",
    SAID_NOTHING: "I have no answer to that. Please ask me in other words.",
    CONVERSATION_GONE: INTERRUPTED,
    "letta_stream_ended": INTERRUPTED,
    MEMORY_TOO_LARGE: "What I remember is more than my language model can hold. "
    "Please shorten my memory.",
    "letta_requires_approval": "A tool of mine waits for an approval, which nobody can give in a "
    "call.",
    "letta_insufficient_credits": "My account at Letta has no credits left.",
    "letta_error": CANNOT_REACH,
}


def excuse(error: LettaError) -> str:
    """The sentence for the caller."""
    if error.code == "letta_overloaded" and error.failure.retry_after is not None:
        return f"{OVERLOADED} Please try again in {_duration(error.failure.retry_after)}."
    if error.code in EXCUSES:
        return EXCUSES[error.code]
    stopped = error.code.startswith(("letta_invalid", "letta_llm"))
    return CANNOT_THINK if error.provider == "model" or stopped else CANNOT_REACH


def first_token_timeout(seconds: float) -> LettaError:
    return LettaError(
        "first_token_timeout",
        f"Letta sent no part of a reply within {seconds:g} s",
        "look at the model of this agent, or raise LETTA_FIRST_TOKEN_TIMEOUT",
        failure=Failure("timeout"),
    )


def said_nothing(acted: bool) -> LettaError:
    """A reply without a word. Once more is no use when a tool has `acted`: it would do so twice."""
    return LettaError(
        SAID_NOTHING,
        "Letta used a tool and said nothing" if acted else "Letta's reply has no words",
        "look at what the model of this agent answers; a small model may answer with nothing",
        retryable=not acted,
        failure=Failure("empty"),
    )


def _duration(seconds: float) -> str:
    """As one says it."""
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} minutes"
    whole = max(1, math.ceil(seconds))
    return "a second" if whole == 1 else f"{whole} seconds"
