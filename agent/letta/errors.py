"""What can go wrong with Letta, in words: a code, a sentence, the next step, and what the caller is
told."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import httpx
import letta_client

from agent.failures import OTHER, Failure, failure, failure_of_status, words

CANNOT_REACH = "I cannot reach my memory right now. Please try again in a moment."
CANNOT_THINK = "I cannot think right now, because my language model does not answer."
NO_AGENT_AT_ALL = "There is no Letta agent yet. Please create one first."
NO_AGENT = "The agent of this call does not exist anymore. Please choose another one."
NOT_ALLOWED = "I am not allowed to reach my memory. The key for Letta is wrong."
OVERLOADED = "My memory is overloaded."
INTERRUPTED = "My memory was interrupted. Please say that again."
NO_WORDS = "I have no answer to that. Please ask me in other words."
TOO_SLOW = "I am sorry, my answer takes too long. Please ask me again."

ONE_MOMENT = "I need a moment, my memory is not there. I will answer as soon as it is back."
STILL_AWAY = "My memory is not back yet. I will answer as soon as it is."
READY = "Thank you for waiting. I am ready now."

CONVERSATION_GONE = "conversation_gone"
SAID_NOTHING = "letta_said_nothing"

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
# What Letta 0.16.8 writes into `detail`: the first for an answer of the model's server, the others
# when there was none.
MODEL_STATUS = re.compile(r"Error code: (\d{3})")
NO_CONNECTION = ("Failed to connect", "Connection error", "Network error")


@dataclass(eq=False)
class LettaCallError(Exception):
    """A failure of Letta or of its model (`provider`). `code` is for programs, `spoken` is said to
    the caller."""

    code: str
    message: str
    next_step: str
    spoken: str
    retryable: bool = True
    failure: Failure = OTHER
    provider: Literal["letta", "model"] = "letta"

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}"


def explain(error: BaseException, base_url: str, agent_id: str | None = None) -> LettaCallError:
    """Any exception of a Letta call as a LettaCallError."""
    if isinstance(error, LettaCallError):
        return error
    letta_error = _explained(error, base_url, agent_id)
    if letta_error.provider == "letta":
        letta_error.failure = failure(error)
    return letta_error


def _explained(error: BaseException, base_url: str, agent_id: str | None) -> LettaCallError:
    failed = failure(error)
    if failed.kind == "busy":
        return LettaCallError(
            "letta_queue_full",
            words(error),
            "look at what Letta is slow at; PROVIDER_CONCURRENCY lets a call ask more at once",
            CANNOT_REACH,
        )
    if failed.retry_after is not None:
        return LettaCallError(
            "letta_overloaded",
            f"Letta at {base_url} wants to be asked again in {failed.retry_after:g} s "
            f"({failed.status})",
            "hold fewer calls at once, or raise the limit of that server",
            f"{OVERLOADED} Please try again in {_duration(failed.retry_after)}.",
        )
    if isinstance(error, letta_client.APITimeoutError):
        return LettaCallError(
            "letta_timeout",
            f"Letta at {base_url} did not answer in time",
            "look at the log of the letta process, or at the load of its machine",
            CANNOT_REACH,
        )
    if isinstance(error, letta_client.APIConnectionError | httpx.TransportError):
        cause = error.__cause__ or error
        return LettaCallError(
            "letta_unreachable",
            f"Letta at {base_url} cannot be reached ({words(cause)})",
            "start it, or set LETTA_BASE_URL to the address of a running Letta server",
            CANNOT_REACH,
        )
    if isinstance(error, letta_client.AuthenticationError | letta_client.PermissionDeniedError):
        return LettaCallError(
            "letta_unauthorized",
            f"Letta at {base_url} rejects the key ({error.status_code})",
            "set LETTA_API_KEY to a key of that server",
            NOT_ALLOWED,
            retryable=False,
        )
    if isinstance(error, letta_client.NotFoundError):
        if "conversation" in str(error.body).lower():
            return LettaCallError(
                CONVERSATION_GONE,
                f"Letta at {base_url} does not have the conversation of this call anymore",
                "nothing: another one is opened, and is told what was said",
                INTERRUPTED,
            )
        return LettaCallError(
            "agent_not_found",
            f"Letta at {base_url} knows no agent {agent_id or '(none was named)'}",
            "choose an agent that Letta lists; it may have been deleted",
            NO_AGENT,
            retryable=False,
        )
    if isinstance(error, letta_client.APIStatusError):
        return _status_error(error, base_url)
    return LettaCallError(
        "letta_error",
        f"talking to Letta at {base_url} failed ({words(error)})",
        "look at the log of the letta process",
        CANNOT_REACH,
    )


def _status_error(error: letta_client.APIStatusError, base_url: str) -> LettaCallError:
    """An HTTP status, or an error event inside a stream (which carries the status 200)."""
    body = error.body if isinstance(error.body, dict) else {}
    kind = str(body.get("error_type", ""))
    if kind in MODEL_ERRORS or kind in MODEL_FAILED:
        return model_error(kind, str(body.get("detail") or body.get("message") or ""))
    detail = body.get("detail") or body.get("message") or error.message
    busy = isinstance(error, letta_client.ConflictError)
    return LettaCallError(
        "letta_busy" if busy else "letta_error",
        f"Letta at {base_url} answered {kind or error.status_code}: {str(detail)[:300]}",
        "wait for the other run of this conversation" if busy else "look at Letta's log",
        CANNOT_REACH,
    )


def model_error(kind: str, detail: str) -> LettaCallError:
    """A failure of the model, as Letta tells it."""
    failed, sentence = MODEL_FAILURES.get(kind, OTHER), MODEL_ERRORS.get(kind, "the model failed")
    if match := MODEL_STATUS.search(detail):
        status = int(match[1])
        failed, sentence = failure_of_status(status), f"the model's server answered {status}"
        if failed.kind == "gone":  # which is what a deleted agent is
            failed = Failure("status", status)
        kind = CODES_OF_KINDS.get(failed.kind, "model_unreachable")
        sentence = MODEL_ERRORS.get(kind, sentence)
    elif kind not in MODEL_ERRORS:
        if any(sign in detail for sign in NO_CONNECTION):
            failed, sentence = Failure("refused"), "the model could not be reached"
        kind = "model_unreachable"
    return LettaCallError(
        kind,
        f"{sentence} ({detail[:300] or 'no detail'})",
        "check the model of this Letta agent and the key and address of its provider",
        CANNOT_THINK,
        failure=failed,
        provider="model",
    )


def no_agent(base_url: str) -> LettaCallError:
    """Letta lists no agent at all."""
    return LettaCallError(
        "no_agent",
        f"Letta at {base_url} has no agent",
        "create one on the page or in Letta",
        NO_AGENT_AT_ALL,
    )


def first_token_timeout(seconds: float) -> LettaCallError:
    return LettaCallError(
        "first_token_timeout",
        f"Letta sent no part of a reply within {seconds:g} s",
        "look at the model of this agent, or raise LETTA_FIRST_TOKEN_TIMEOUT",
        TOO_SLOW,
        failure=Failure("timeout"),
    )


def said_nothing(acted: bool) -> LettaCallError:
    """A reply without a word. Once more is no use when a tool has `acted`: it would do so twice."""
    return LettaCallError(
        SAID_NOTHING,
        "Letta used a tool and said nothing" if acted else "Letta's reply has no words",
        "look at what the model of this agent answers; a small model may answer with nothing",
        NO_WORDS,
        retryable=not acted,
        failure=Failure("empty"),
    )


def stopped_early(stop_reason: str | None) -> LettaCallError:
    """A run that ended without saying why, or for a reason that leaves no reply."""
    if stop_reason is None:
        return LettaCallError(
            "letta_stream_ended",
            "Letta's answer ended in the middle",
            "look at the log of the letta process: it may have been stopped",
            INTERRUPTED,
            failure=Failure("reset"),
        )
    return LettaCallError(
        f"letta_{stop_reason}",
        f"Letta gave the turn up: {stop_reason}",
        "look at this run in Letta; a tool that needs approval cannot be used in a call",
        CANNOT_THINK,
    )


def _duration(seconds: float) -> str:
    """As one says it."""
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} minutes"
    whole = max(1, math.ceil(seconds))
    return "a second" if whole == 1 else f"{whole} seconds"
