"""What Letta, or the model behind it, has said is wrong."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.think.base import LOG, SIGNS, WORKS, stage, thinking
from proxy.verdicts.verdict import Verdict

MODEL_S = 1.5
AWAY_S = 5.0
"""A Letta that has been up for so long answers the worker, which asks it each second."""


def _error(call: CallView) -> Event | None:
    """The last error of Letta, unless it has answered or opened its conversation since."""
    error = stage.trouble(call, "think.error")
    if error is None or error.data.get("recoverable") is True:
        return None
    opened = call.after(error, "join.conversation")
    return None if opened is not None and call.after(error, "think.request") is None else error


def _coded(
    call: CallView, codes: tuple[str, ...] = (), kinds: tuple[str, ...] = ()
) -> Event | None:
    error = _error(call)
    if error is None:
        return None
    if error.data.get("code") in codes or error.data.get("kind") in kinds:
        return error
    return None


def _said(error: Event) -> str:
    return str(error.data.get("message") or "Letta gave no reason").rstrip(".")


def _step(error: Event, otherwise: str) -> str:
    own = str(error.data.get("next_step") or "").strip().rstrip(".")
    return f"{own[:1].upper()}{own[1:]}. {otherwise}" if own else otherwise


@stage.cause("agent-deleted")
def agent_deleted(call: CallView) -> Verdict | None:
    error = _coded(call, ("agent_not_found",), ("gone",))
    if error is None or error.data.get("provider") == "model":
        return None
    return stage.failing(
        f"The Letta agent of this call does not exist (any more): {_said(error)}.",
        "Choose another agent in the list and press Connect; if LETTA_AGENT_ID names it, correct "
        "or empty that setting.",
        error,
        since=error.at,
    )


@stage.cause("context-window-full")
def context_full(call: CallView) -> Verdict | None:
    error = _error(call)
    if error is None or not _speaks_of(error, "context window", "context_length", "context_window"):
        return None
    return stage.failing(
        f"The talk does not fit into the model's context window: {_said(error)}.",
        "Raise the agent's context_window_limit, shorten its memory, or begin in a new room.",
        error,
        since=error.at,
    )


@stage.cause("quota-used-up")
def quota(call: CallView) -> Verdict | None:
    error = _error(call)
    if error is None or not _speaks_of(error, "insufficient_quota", "billing", "exceeded your"):
        return None
    return stage.failing(
        f"The model's provider gives no more: {_said(error)}.",
        "Look at the plan and the credit of the provider's account, or give the Letta agent "
        "another model.",
        error,
        since=error.at,
    )


@stage.cause("model-not-found")
def model_not_found(call: CallView) -> Verdict | None:
    error = _error(call)
    if error is None:
        return None
    gone = error.data.get("provider") == "model" and error.data.get("kind") == "gone"
    if not gone and not _speaks_of(error, "model_not_found", "model not found", "no such model"):
        return None
    return stage.failing(
        f"The model of the Letta agent does not exist at its provider: {_said(error)}.",
        "Give the Letta agent a model that the provider has (GET /v1/models of Letta lists them).",
        error,
        since=error.at,
    )


@stage.cause("model-unreachable")
def model_unreachable(call: CallView) -> Verdict | None:
    codes = ("model_unreachable", "model_failed", "llm_timeout", "llm_empty_response")
    error = _coded(call, (*codes, "llm_error", "llm_api_error"))
    last = _error(call)
    if error is None and last is not None and last.data.get("provider") == "model":
        error = last if last.data.get("kind") not in ("rejected", "rate-limited") else None
    if error is None:
        return _model_is_away(call)
    return stage.failing(
        f"Letta's language model does not answer: {_said(error)}.",
        _step(error, f"Offline: ./restart_voice_system.sh models. Its log: {LOG}"),
        error,
        since=error.at,
    )


def _model_is_away(call: CallView) -> Verdict | None:
    """Letta tries again and again before it says so; the probe of the model knows earlier."""
    asked, probe = thinking(call), call.probe("chat model")
    if asked is None or probe is None or probe.problem not in ("dns", "refused", "timeout", "tls"):
        return None
    if call.after(asked, *SIGNS) is not None or call.age(asked) < MODEL_S:
        return None
    return stage.failing(
        f"Letta waits for its language model, and {probe.target or 'its server'} cannot be reached "
        f"({probe.problem}).",
        f"Offline: ./restart_voice_system.sh models; else look at the model's address. {LOG}",
        asked,
        quote.probe(probe),
        since=asked.at,
    )


@stage.cause("letta-away")
def letta_away(call: CallView) -> Verdict | None:
    """The worker waits for Letta. While Letta does not run, `system` says so."""
    away = call.last("think.waiting")
    if away is None or call.after(away, "think.back", "think.error", *WORKS) is not None:
        return None
    said, patience = str(away.data.get("message") or "no reason").rstrip("."), away.data["patience"]
    process = call.process("letta")
    up = call.now - process.since if process is not None and process.since is not None else None
    if call.age(away) < AWAY_S or (up is not None and up < AWAY_S):
        return stage.waiting(
            f"The turn is answered when Letta is back: {said}.",
            away,
            next=f"Nothing, for {patience:g} s (LETTA_PATIENCE).",
            since=away.at,
        )
    return stage.late(
        f"The worker has not reached Letta for {call.age(away):.0f} s, and keeps the turn: {said}.",
        "LETTA_BASE_URL must be an address that the agent's machine can reach; "
        f"./restart_voice_system.sh letta starts ours. {LOG}",
        away,
        since=away.at,
    )


@stage.cause("letta-unreachable")
def unreachable(call: CallView) -> Verdict | None:
    """Health says nothing of it, or `system` would: the worker's way to Letta is broken."""
    error = _coded(call, ("letta_unreachable", "letta_timeout"), ("refused", "dns", "timeout"))
    if error is None:
        return None
    if error.data.get("code") not in ("letta_unreachable", "letta_timeout", None):
        return None
    return stage.failing(
        f"The worker does not reach Letta: {_said(error)}.",
        "LETTA_BASE_URL must be an address that the agent's machine can reach; "
        "./restart_voice_system.sh letta starts ours.",
        error,
        since=error.at,
    )


@stage.cause("letta-busy")
def busy(call: CallView) -> Verdict | None:
    error = _coded(call, ("letta_busy",))
    if error is None:
        return None
    return stage.failing(
        f"Letta runs another request in this conversation: {_said(error)}.",
        "Wait until it is over, or begin in a new room. Does another program use this agent?",
        error,
        since=error.at,
    )


@stage.cause("letta-queue-full")
def queue_full(call: CallView) -> Verdict | None:
    """So much was asked of Letta at once that the worker asked no more."""
    error = _coded(call, ("letta_queue_full",), ("busy",))
    if error is None:
        return None
    return stage.failing(
        f"Letta is asked for too much at once in this call: {_said(error)}.",
        f"What is Letta slow at? {LOG}; PROVIDER_CONCURRENCY and PROVIDER_PATIENCE are the bounds.",
        error,
        since=error.at,
    )


@stage.cause("tool-needs-approval")
def needs_approval(call: CallView) -> Verdict | None:
    error = _error(call)
    if error is None or not _speaks_of(error, "requires_approval"):
        return None
    return stage.failing(
        f"The agent wants to use a tool that needs somebody's approval: {_said(error)}.",
        "Remove the tool from the Letta agent, or its approval rule: nobody can approve in a call.",
        error,
        since=error.at,
    )


@stage.cause("first-token-timeout")
def gave_up(call: CallView) -> Verdict | None:
    """The worker waited for LETTA_FIRST_TOKEN_TIMEOUT, then gave the turn up."""
    error = _coded(call, ("first_token_timeout",))
    if error is None:
        return None
    return stage.failing(
        f"Letta was too slow, and the turn was given up: {_said(error)}.",
        f"A quicker model for this agent, or a higher LETTA_FIRST_TOKEN_TIMEOUT (20 s). {LOG}",
        error,
        since=error.at,
    )


@stage.cause("letta-errors")
def letta_errors(call: CallView) -> Verdict | None:
    """Letta answers, and what it answers is an error."""
    error = _error(call)
    if error is None or error.data.get("kind") in ("rejected", "rate-limited"):
        return None
    status = error.data.get("status") or error.data.get("code") or "error"
    return stage.failing(
        f"Letta failed at this turn ({status}): {_said(error)}.",
        _step(error, f"Its log has the cause: {LOG}"),
        error,
        call.last("think.request"),
        since=error.at,
    )


def _speaks_of(error: Event, *words: str) -> bool:
    said = f"{error.data.get('code', '')} {error.data.get('message', '')}".lower()
    return any(word in said for word in words)
