"""What can go wrong with Letta, in words: a code, a sentence and the next step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from common.failures import OTHER, Failure, failure, failure_of_status, words

CONVERSATION_GONE = "conversation_gone"

MODEL_FAILED = ("llm_error", "llm_api_error")  # Letta knows no better
MODEL_ERRORS = {
    "llm_timeout": "the model did not answer in time",
    "llm_rate_limit": "the model's provider limits the rate of requests",
    "llm_authentication": "the model's provider rejects the key",
    "llm_empty_response": "the model answered with nothing",
}
MODEL_FAILURES = {
    "llm_timeout": Failure("timeout"),
    "llm_rate_limit": Failure("rate-limited", 429),
    "llm_authentication": Failure("rejected", 401),
    "llm_empty_response": Failure("empty"),
}
CODES_OF_KINDS = {"rejected": "llm_authentication", "rate-limited": "llm_rate_limit"}
# What Letta writes into `detail`: the first for an answer of the model's server (of 0.16.8, and of
# the App Server 0.34), the others when there was none.
MODEL_STATUS = re.compile(r"(?:Error code: |^)(\d{3})\b")
UNKNOWN_MODEL = re.compile(r'Unknown model "([^"]+)"')  # the App Server's words
NO_CONNECTION = ("Failed to connect", "Connection error", "Network error")
MEMORY_TOO_LARGE = "memory_too_large"
TOO_LARGE = re.compile(r"system prompt|core memory|memory blocks|context[_ ]window", re.IGNORECASE)
EXCEEDS = re.compile(r"exceed|overflow|too (?:large|long)", re.IGNORECASE)
SHRINK = "shorten the memory blocks of this agent, or let it think with a model of a larger window"


@dataclass(eq=False)
class LettaError(Exception):
    """A failure of Letta or of its model (`provider`). `code` is for programs."""

    code: str
    message: str
    next_step: str
    retryable: bool = True
    failure: Failure = OTHER
    provider: Literal["letta", "model"] = "letta"

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}"


COMPLETE = ("end_turn", "max_steps", "tool_rule", "no_tool_call", "max_tokens_exceeded")
"""Stop reasons after which Letta has stored the request and the whole reply."""
CANCELLED = "cancelled"

LOOK_AT_RUN = "look at this turn in Letta, and at the log of the letta process"
STOP_REASONS: dict[str, tuple[str, str]] = {
    "end_turn": ("the reply is whole", ""),
    "tool_rule": ("a rule of the agent ends the turn after this tool", ""),
    "no_tool_call": ("the reply is whole: the model called no tool", ""),
    "max_steps": (
        "the agent took more steps than it may in one turn",
        "see in the timeline which tools it calls over and over",
    ),
    "max_tokens_exceeded": (
        "the model wrote as much as it may in one reply",
        "raise the limit of this agent's model, or have it answer in fewer words",
    ),
    CANCELLED: ("the turn was stopped", ""),
    "error": ("Letta failed within the turn", LOOK_AT_RUN),
    "llm_api_error": (
        "the language model failed",
        "check the model of this Letta agent and the key and address of its provider",
    ),
    "invalid_llm_response": (
        "the language model answered what Letta cannot use",
        "give this agent another model: one that can call tools",
    ),
    "invalid_tool_call": (
        "the language model called a tool in a way that Letta cannot use",
        "give this agent another model: one that can call tools",
    ),
    "insufficient_credits": (
        "the account at Letta Cloud has no credits left",
        "add credits there, or give this agent a model of your own key",
    ),
    "requires_approval": (
        "a tool of this agent waits for an approval, which nobody can give in a call",
        "take the approval off that tool in Letta, or take the tool from the agent",
    ),
    "context_window_overflow_in_system_prompt": (
        "the agent's memory is larger than the window of its language model",
        SHRINK,
    ),
}
"""Why a turn of Letta is over: a sentence, and the next step where there is something to do."""


def stopped_early(reason: str | None, tools: tuple[str, ...] = ()) -> LettaError:
    """A turn that ended without saying why, or for a reason that leaves no whole reply.

    `tools`: those whose call was not answered.
    """
    if reason is None:
        return LettaError(
            "letta_stream_ended",
            "Letta's answer ended in the middle",
            "look at the log of the letta process: it may have been stopped",
            failure=Failure("reset"),
        )
    if reason == "context_window_overflow_in_system_prompt":
        return LettaError(MEMORY_TOO_LARGE, *STOP_REASONS[reason], retryable=False)
    sentence, next_step = STOP_REASONS.get(reason, ("Letta gave the turn up", LOOK_AT_RUN))
    named = f": {', '.join(tools)}" if tools else ""
    return LettaError(
        f"letta_{reason}",
        f"{sentence}{named} ({reason})",
        next_step,
        provider="model" if reason == "llm_api_error" else "letta",
    )


def too_large(detail: str) -> LettaError | None:
    """Letta's own words, when they say that the memory does not fit into the model's window."""
    if not (TOO_LARGE.search(detail) and EXCEEDS.search(detail)):
        return None
    return LettaError(
        MEMORY_TOO_LARGE,
        f"the agent's memory is larger than the window of its language model ({detail[:300]})",
        SHRINK,
        retryable=False,
    )


def model_error(kind: str, detail: str) -> LettaError:
    """A failure of the model, as Letta tells it."""
    if larger := too_large(detail):
        return larger
    failed, sentence = MODEL_FAILURES.get(kind, OTHER), MODEL_ERRORS.get(kind, "the model failed")
    if match := MODEL_STATUS.search(detail):
        status = int(match[1])
        failed, sentence = failure_of_status(status), f"the model's server answered {status}"
        if failed.kind == "gone":  # which is what a deleted agent is
            failed = Failure("status", status)
        kind = CODES_OF_KINDS.get(failed.kind, "model_unreachable")
        sentence = MODEL_ERRORS.get(kind, sentence)
    elif kind not in MODEL_ERRORS:
        if unlisted := UNKNOWN_MODEL.search(detail):
            sentence = (
                f"the server of the model did not list {unlisted[1]}: it does not run, or it has "
                "another name for it"
            )
        if any(sign in detail for sign in NO_CONNECTION):
            failed, sentence = Failure("refused"), "the model could not be reached"
        kind = "model_unreachable"
    return LettaError(
        kind,
        f"{sentence} ({detail[:300] or 'no detail'})",
        "check the model of this Letta agent and the key and address of its provider",
        failure=failed,
        provider="model",
    )


def no_agent(base_url: str) -> LettaError:
    """Letta lists no agent at all."""
    return LettaError(
        "no_agent", f"Letta at {base_url} has no agent", "create one on the page or in Letta"
    )


def no_such_agent(base_url: str, agent_id: str | None) -> LettaError:
    return LettaError(
        "agent_not_found",
        f"Letta at {base_url} knows no agent {agent_id or '(none was named)'}",
        "choose an agent that Letta lists; it may have been deleted",
        retryable=False,
        failure=Failure("gone", 404),
    )


def conversation_gone(base_url: str) -> LettaError:
    return LettaError(
        CONVERSATION_GONE,
        f"Letta at {base_url} does not have the conversation of this call anymore",
        "nothing: another one is opened, and is told what was said",
        failure=Failure("gone", 404),
    )


def no_model(base_url: str) -> LettaError:
    return LettaError(
        "no_model",
        f"Letta at {base_url} lists no language model",
        "give it one (a provider's key, or the offline models server), or name one",
        retryable=False,
    )


def refused(reason: str, failed: Failure = OTHER) -> LettaError:
    """What was asked for cannot be had."""
    return LettaError(
        "letta_refused",
        f"Letta refuses this request: {reason}",
        "change what it names",
        retryable=False,
        failure=failed,
    )


def no_such_block(label: str, labels: list[str]) -> LettaError:
    return refused(f"the agent has no memory block {label!r}; it has {', '.join(labels) or 'none'}")


def memory_locked() -> LettaError:
    return LettaError(
        "memory_locked",
        "the memory of this agent is locked: git was ended while it wrote it",
        "start Letta again, which unlocks it: ./restart_voice_system.sh letta",
        retryable=False,
    )


def busy(base_url: str) -> LettaError:
    return LettaError(
        "letta_busy",
        f"Letta at {base_url} still is at the turn before",
        "wait for the other run of this conversation",
    )


def rejected(base_url: str, status: int) -> LettaError:
    return LettaError(
        "letta_unauthorized",
        f"Letta at {base_url} rejects the key ({status})",
        "set LETTA_API_KEY to a key of that server",
        retryable=False,
        failure=failure_of_status(status),
    )


def timed_out(base_url: str) -> LettaError:
    return LettaError(
        "letta_timeout",
        f"Letta at {base_url} did not answer in time",
        "look at the log of the letta process, or at the load of its machine",
        failure=Failure("timeout"),
    )


UNREACHED = {
    "refused": "connection refused: nothing listens there",
    "dns": "its name is not known (DNS)",
    "reset": "it closed the connection",
}


def unreachable(base_url: str, error: BaseException) -> LettaError:
    failed = failure(error)
    why = UNREACHED.get(failed.kind) or words(error.__cause__ or error)
    return LettaError(
        "letta_unreachable",
        f"Letta at {base_url} cannot be reached ({why})",
        "start it, or set LETTA_BASE_URL to the address of a running Letta server",
        failure=failed,
    )


def asked_to_wait(base_url: str, failed: Failure) -> LettaError:
    return LettaError(
        "letta_overloaded",
        f"Letta at {base_url} wants to be asked again in {failed.retry_after:g} s "
        f"({failed.status})",
        "hold fewer calls at once, or raise the limit of that server",
        failure=failed,
    )


def queue_full(error: BaseException) -> LettaError:
    """Our own limiter keeps the request back."""
    return LettaError(
        "letta_queue_full",
        words(error),
        "look at what Letta is slow at; PROVIDER_CONCURRENCY lets a call ask more at once",
        failure=Failure("busy"),
    )


def unknown(base_url: str, error: BaseException) -> LettaError:
    return LettaError(
        "letta_error",
        f"talking to Letta at {base_url} failed ({words(error)})",
        "look at the log of the letta process",
        failure=failure(error),
    )
