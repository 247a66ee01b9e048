"""think: Letta, and the language model behind it, make a reply.

What Letta has said is wrong comes before what is only missing.
"""

from __future__ import annotations

from collections.abc import Callable

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules
from proxy.verdicts.verdict import Verdict

SIGNS = (
    "think.first_token",
    "think.reasoning",
    "think.tool_call",
    "think.tool_return",
    "think.usage",
)
OVER = ("think.done", "think.error", "play.turn", "play.interrupted")
WORKS = ("think.first_token", "think.done")
LOG = "./restart_voice_system.sh logs letta"
MODEL_S = 1.5
AWAY_S = 5.0
"""A Letta that has been up for so long answers the worker, which asks it each second."""
FIRST_TOKEN_S, TOOL_S, STALLED_S = 3.4, 3.0, 4.5
NOT_BEGUN_S, CLOCKS_S = 5.0, 3.0
"""The page tells the agent's state by its own clock."""

stage = Rules("think", usual_ms=300, works=WORKS, log="letta")


def error_cause(code: str, sentence: str, step: str, names_it: Callable[[Event], bool]) -> None:
    """Register a cause that an error of Letta names; its message stands behind `sentence`."""

    @stage.cause(code)
    def named(call: CallView) -> Verdict | None:
        error = _error(call)
        if error is None or not names_it(error):
            return None
        return stage.failing(f"{sentence}: {_message(error)}.", step, error, since=error.at)


def _error(call: CallView) -> Event | None:
    """The last error of Letta, unless it has answered or opened its conversation since."""
    error = stage.unresolved(call, "think.error")
    if error is None or error.data.get("recoverable") is True:
        return None
    opened = call.after(error, "join.conversation")
    return None if opened is not None and call.after(error, "think.request") is None else error


def _has_code(error: Event, *codes: str) -> bool:
    return error.data.get("code") in codes


def _has_kind(error: Event, *kinds: str) -> bool:
    return error.data.get("kind") in kinds


def _of_model(error: Event) -> bool:
    return error.data.get("provider") == "model"


def _speaks_of(error: Event, *words: str) -> bool:
    text = f"{error.data.get('code', '')} {error.data.get('message', '')}".lower()
    return any(word in text for word in words)


def _message(error: Event) -> str:
    return str(error.data.get("message") or "Letta gave no reason").rstrip(".")


def _step(error: Event, otherwise: str) -> str:
    own = str(error.data.get("next_step") or "").strip().rstrip(".")
    return f"{own[:1].upper()}{own[1:]}. {otherwise}" if own else otherwise


error_cause(
    "agent-deleted",
    "The Letta agent of this call does not exist (any more)",
    "Choose another agent in the list and press Connect; if LETTA_AGENT_ID names it, correct or "
    "empty that setting.",
    lambda error: (
        (_has_code(error, "agent_not_found") or _has_kind(error, "gone")) and not _of_model(error)
    ),
)
error_cause(
    "context-window-full",
    "The talk does not fit into the model's context window",
    "Raise the agent's context_window_limit, shorten its memory, or begin in a new room.",
    lambda error: _speaks_of(error, "context window", "context_length", "context_window"),
)
error_cause(
    "quota-used-up",
    "The model's provider gives no more",
    "Look at the plan and the credit of the provider's account, or give the Letta agent another "
    "model.",
    lambda error: _speaks_of(error, "insufficient_quota", "billing", "exceeded your"),
)
error_cause(
    "model-not-found",
    "The model of the Letta agent does not exist at its provider",
    "Give the Letta agent a model that the provider has (GET /v1/models of Letta lists them).",
    lambda error: (
        (_of_model(error) and _has_kind(error, "gone"))
        or _speaks_of(error, "model_not_found", "model not found", "no such model")
    ),
)


@stage.cause("model-unreachable")
def model_unreachable(call: CallView) -> Verdict | None:
    error = _error(call)
    if error is None or not _is_of_an_unreachable_model(error):
        return _model_is_away(call)
    return stage.failing(
        f"Letta's language model does not answer: {_message(error)}.",
        _step(error, f"Offline: ./restart_voice_system.sh models. Its log: {LOG}"),
        error,
        since=error.at,
    )


def _is_of_an_unreachable_model(error: Event) -> bool:
    codes = ("model_unreachable", "model_failed", "llm_timeout", "llm_empty_response")
    if _has_code(error, *codes, "llm_error", "llm_api_error"):
        return True
    return _of_model(error) and not _has_kind(error, "rejected", "rate-limited")


def _model_is_away(call: CallView) -> Verdict | None:
    """Letta tries again and again before it says so; the probe of the model knows earlier."""
    request, probe = _request(call), call.probe("chat model")
    if probe is None or probe.problem not in ("dns", "refused", "timeout", "tls"):
        return None
    if request is None or call.age(request) < MODEL_S or call.after(request, *SIGNS) is not None:
        return None
    return stage.failing(
        f"Letta waits for its language model, and {probe.target or 'its server'} cannot be reached "
        f"({probe.problem}).",
        f"Offline: ./restart_voice_system.sh models; else look at the model's address. {LOG}",
        request,
        quote.probe(probe),
        since=request.at,
    )


@stage.cause("letta-away")
def letta_away(call: CallView) -> Verdict | None:
    """The worker waits for Letta. While Letta does not run, `system` says so."""
    away = call.last("think.waiting")
    if away is None or call.after(away, "think.back", "think.error", *WORKS) is not None:
        return None
    reason = str(away.data.get("message") or "no reason").rstrip(".")
    process = call.process("letta")
    up = call.now - process.since if process is not None and process.since is not None else None
    if call.age(away) < AWAY_S or (up is not None and up < AWAY_S):
        return stage.waiting(
            f"The turn is answered when Letta is back: {reason}.",
            away,
            next=f"Nothing, for {away.data['patience']:g} s (LETTA_PATIENCE).",
            since=away.at,
        )
    return stage.late(
        f"The worker has not reached Letta for {call.age(away):.0f} s, and keeps the turn: "
        f"{reason}.",
        "LETTA_BASE_URL must be an address that the agent's machine can reach; "
        f"./restart_voice_system.sh letta starts ours. {LOG}",
        away,
        since=away.at,
    )


error_cause(
    "letta-unreachable",  # Letta runs, or `system` would say so: the worker's way to it is broken
    "The worker does not reach Letta",
    "LETTA_BASE_URL must be an address that the agent's machine can reach; "
    "./restart_voice_system.sh letta starts ours.",
    lambda error: (
        _has_code(error, "letta_unreachable", "letta_timeout")
        or (error.data.get("code") is None and _has_kind(error, "refused", "dns", "timeout"))
    ),
)
error_cause(
    "letta-busy",
    "Letta runs another request in this conversation",
    "Wait until it is over, or begin in a new room. Does another program use this agent?",
    lambda error: _has_code(error, "letta_busy"),
)
error_cause(
    "letta-queue-full",  # so much was asked of Letta at once that the worker asked no more
    "Letta is asked for too much at once in this call",
    f"What is Letta slow at? {LOG}; PROVIDER_CONCURRENCY and PROVIDER_PATIENCE are the bounds.",
    lambda error: _has_code(error, "letta_queue_full") or _has_kind(error, "busy"),
)
error_cause(
    "tool-needs-approval",
    "The agent wants to use a tool that needs somebody's approval",
    "Remove the tool from the Letta agent, or its approval rule: nobody can approve in a call.",
    lambda error: _speaks_of(error, "requires_approval"),
)
error_cause(
    "first-token-timeout",  # the worker waited for LETTA_FIRST_TOKEN_TIMEOUT
    "Letta was too slow, and the turn was given up",
    f"A quicker model for this agent, or a higher LETTA_FIRST_TOKEN_TIMEOUT (20 s). {LOG}",
    lambda error: _has_code(error, "first_token_timeout"),
)


@stage.cause("letta-errors")
def letta_errors(call: CallView) -> Verdict | None:
    """Letta answers, and what it answers is an error."""
    error = _error(call)
    if error is None or _has_kind(error, "rejected", "rate-limited"):
        return None
    status = error.data.get("status") or error.data.get("code") or "error"
    return stage.failing(
        f"Letta failed at this turn ({status}): {_message(error)}.",
        _step(error, f"Its log has the cause: {LOG}"),
        error,
        call.last("think.request"),
        since=error.at,
    )


@stage.cause("tool-hangs")
def tool_hangs(call: CallView) -> Verdict | None:
    tool = _running_tool(call)
    if tool is None or call.age(tool) < TOOL_S:
        return None
    name = tool.data.get("name", "a tool")
    return stage.late(
        f"The tool {name} was called {call.age(tool):.1f} s ago and has not returned (usually "
        f"0.1 s); arguments {str(tool.data.get('arguments', ''))[:120]}.",
        f"Look at what {name} waits for ({LOG}), or take it from the Letta agent.",
        tool,
        since=tool.at,
    )


@stage.cause("no-first-token")
def no_first_token(call: CallView) -> Verdict | None:
    request = _request(call)
    if request is None or _running_tool(call) or call.after(request, "think.first_token"):
        return None
    sign = call.after(request, *SIGNS, "think.retry") or request
    if call.age(sign) < FIRST_TOKEN_S:
        return None
    retry = call.after(request, "think.retry")
    why = f"; {retry.data.get('message')}" if retry is not None else ""
    return stage.late(
        f"Letta has written nothing for {call.age(sign):.1f} s (usually 0.3 s to the first word)"
        f"{why}.",
        "Is the agent's model slow or stuck? Try it in Letta alone, choose a quicker model, or "
        f"restart: ./restart_voice_system.sh letta. {LOG}",
        request,
        sign if sign is not request else None,
        since=sign.at,
    )


@stage.cause("turn-not-begun")
def turn_not_begun(call: CallView) -> Verdict | None:
    """The agent says that it thinks, and has not asked Letta anything."""
    state = call.last("join.agent_state")
    if state is None or state.data.get("to") != "thinking" or call.age(state) < NOT_BEGUN_S:
        return None
    request = call.last("think.request", "think.error")
    if request is not None and request.at > state.at - CLOCKS_S:
        return None
    return stage.late(
        f"The agent has been thinking for {call.age(state):.1f} s, but Letta was not asked.",
        "Say it again. If it stays so: ./restart_voice_system.sh agent; its log may have the "
        "reason (./restart_voice_system.sh logs agent).",
        state,
        call.last("transcribe.transcript"),
        since=state.at,
    )


@stage.cause("reply-stalls")
def reply_stalls(call: CallView) -> Verdict | None:
    """The reply began, what came of it was spoken, and the rest does not come."""
    request = _request(call)
    first = call.after(request, "think.first_token") if request is not None else None
    if first is None or _running_tool(call) is not None:
        return None
    quiet = call.last("play.silent")
    speaking = call.after(quiet, "play.speaking") is not None
    signs = [sign for sign in (call.after(first, *SIGNS), quiet, first) if sign is not None]
    sign = max(signs, key=lambda event: event.at)
    if speaking or call.age(sign) < STALLED_S:
        return None
    return stage.late(
        f"Letta began its reply and has written nothing more for {call.age(sign):.1f} s.",
        f"The model's stream has stalled: restart its server, or choose another model. {LOG}",
        first,
        sign if sign is not first else None,
        since=sign.at,
    )


@stage.progress
def progress(call: CallView) -> Verdict:
    request = _request(call)
    if request is not None:
        tool = _running_tool(call)
        if tool is not None:
            return stage.waiting(
                f"The tool {tool.data.get('name', '')} runs (usually 0.1 s).", tool, since=tool.at
            )
        first = call.after(request, "think.first_token")
        if first is not None:
            return stage.ok("Letta answers.", first, ms=first.data.get("ms"))
        retry = call.after(request, "think.retry")
        again = f" A try failed: {retry.data.get('message')}." if retry is not None else ""
        return stage.waiting(
            f"Letta makes the first word{stage.usually()}.{again}", request, retry, since=request.at
        )
    done = call.last("think.done", "think.first_token")
    if done is not None:
        first = call.last("think.first_token") or done
        return stage.ok("Letta has answered.", done, ms=first.data.get("ms"))
    if (interrupted := call.last("think.request")) is not None:
        return stage.ok("The turn was interrupted before Letta wrote.", interrupted)
    return stage.not_reached("Letta was not asked yet.")


def _request(call: CallView) -> Event | None:
    """The request that Letta works at."""
    request = call.last("think.request")
    if request is None or call.after(request, *OVER) is not None:
        return None
    return request


def _running_tool(call: CallView) -> Event | None:
    """The call of the tool that runs now, of the request that Letta works at."""
    request = _request(call)
    tool_call = call.after(request, "think.tool_call") if request is not None else None
    if tool_call is None or call.after(tool_call, "think.first_token", "think.usage") is not None:
        return None
    tool_return = call.after(request, "think.tool_return")
    if tool_return is None or tool_return.at < tool_call.at:
        return tool_call
    return None
