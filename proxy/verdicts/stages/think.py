"""think: Letta, and the language model behind it, make a reply.

What Letta has said is wrong comes before what is only missing.
"""

from __future__ import annotations

from collections.abc import Callable

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.history import order
from proxy.verdicts.rules import Link, Rules, seconds
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
ENDS = ("hear.speech_started", "play.interrupted", "play.turn", "think.error", "think.waiting")
"""What ends the waiting for a reply."""
NO_TURN = (
    "hear.speech_started",
    "hear.typed_failed",
    "transcribe.backchannel",
    "think.error",
    "think.waiting",
)
"""After which words of the caller need not be a turn, or another verdict says why not."""
LOG = "./restart_voice_system.sh logs letta"
MODEL_S = 1.5
AWAY_S = 5.0
"""A Letta that has been up for so long answers the worker, which asks it each second."""
FIRST_TOKEN_S, TOOL_S, STALLED_S = 3.4, 3.0, 4.5
ASKED_S, NOT_BEGUN_S, CLOCKS_S = 9.0, 5.0, 3.0
"""The page tells the agent's state by its own clock."""


def _is_over(call: CallView, error: Event) -> bool:
    """Whether Letta has opened the call's conversation since it could not be asked at all.

    That it opens another one mends no turn that it has failed to answer.
    """
    request = call.last("think.request")
    of_a_turn = request is not None and order(request) < order(error)
    return not of_a_turn and call.after(error, "join.conversation") is not None


UNASKED = (
    "The agent decides when the caller has finished: say it again.",
    "./restart_voice_system.sh agent; its log may have the reason "
    "(./restart_voice_system.sh logs agent)",
)

stage = Rules(
    "think",
    usual_ms=300,
    works=WORKS,
    timed_by="think.first_token",
    log="letta",
    over=_is_over,
)


def error_cause(code: str, sentence: str, step: str, names_it: Callable[[Event], bool]) -> None:
    """Register a cause that an error of Letta names; its message stands behind `sentence`."""

    @stage.cause(code)
    def named(call: CallView) -> Verdict | None:
        error = _error(call)
        if error is None or not names_it(error):
            return None
        return stage.failing(f"{sentence}: {_message(error)}.", step, error, since=error.at)


def _error(call: CallView) -> Event | None:
    """The last error of Letta that stands, and is not tried again."""
    error = stage.unresolved(call, "think.error")
    return None if error is None or error.data.get("recoverable") is True else error


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
        return _asked_in_vain(call)
    sign = call.after(request, *SIGNS, "think.retry") or request
    if call.age(sign) < stage.limit(call, FIRST_TOKEN_S):
        return _asked_in_vain(call)
    retry = call.after(request, "think.retry")
    why = f"; {retry.data.get('message')}" if retry is not None else ""
    return stage.late(
        f"Letta has written nothing for {call.age(sign):.1f} s{_usually(call)}{why}.",
        "Is the agent's model slow or stuck? Try it in Letta alone, choose a quicker model, or "
        f"restart: ./restart_voice_system.sh letta. {LOG}",
        request,
        sign if sign is not request else None,
        since=sign.at,
    )


def _asked_in_vain(call: CallView) -> Verdict | None:
    """A caller who goes on speaking ends each request before it is late: together they are."""
    worked = call.last(*WORKS)
    requests = call.all("think.request", since=worked.at if worked is not None else 0.0)
    if len(requests) < 2:
        return None
    first = requests[0]
    ends = [event.at for event in call.all(*ENDS, "think.request", since=first.at)]
    waited = sum(
        min((at for at in ends if at > request.at), default=call.now) - request.at
        for request in requests
    )
    if waited < stage.limit(call, FIRST_TOKEN_S):
        return None
    return stage.late(
        f"Letta was asked {len(requests)} times within {call.age(first):.0f} s and has written "
        f"nothing{_usually(call)}; each time the caller spoke again after some seconds.",
        "Is the agent's model slow or stuck? Try it in Letta alone, choose a quicker model, or "
        f"restart: ./restart_voice_system.sh letta. {LOG}",
        first,
        requests[-1],
        since=first.at,
    )


def _usually(call: CallView) -> str:
    return f" (usually {seconds(stage.usual(call) or 0.0)} to the first word)"


@stage.cause("turn-not-begun")
def turn_not_begun(call: CallView) -> Verdict | None:
    """The agent says that it thinks, and has not asked Letta anything."""
    state = call.last("join.agent_state")
    if state is None or state.data.get("to") != "thinking" or call.age(state) < NOT_BEGUN_S:
        return _words_are_left(call)
    request = call.last("think.request", "think.error")
    if request is not None and request.at > call.at(state) - CLOCKS_S:
        return None
    return stage.late(
        f"The agent has been thinking for {call.age(state):.1f} s, but Letta was not asked.",
        "Say it again. If it stays so: ./restart_voice_system.sh agent; its log may have the "
        "reason (./restart_voice_system.sh logs agent).",
        state,
        call.last("transcribe.transcript"),
        since=state.at,
    )


def _words_are_left(call: CallView) -> Verdict | None:
    """What the caller has said or typed makes no turn, whatever the agent says of itself."""
    for said, what in ((_said(call), "said something"), (_typed(call), "typed something")):
        if said is None or call.age(said) < ASKED_S or call.after(said, *NO_TURN) is not None:
            continue
        return stage.late(
            f"The caller {what} {call.age(said):.1f} s ago, and Letta was not asked.",
            " Or: ".join(UNASKED),
            said,
            call.last("think.request"),
            since=said.at,
        )
    return None


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


@stage.proof
def proof(call: CallView) -> Verdict | None:
    done = call.last("think.done", "think.first_token")
    if done is None:
        interrupted = call.last("think.request")
        if interrupted is None:
            return stage.not_seen("Letta was not asked yet.")
        return stage.not_seen("The turn was interrupted before Letta wrote.", interrupted)
    first = call.last("think.first_token") or done
    return stage.ok("Letta has answered.", done, ms=first.data.get("ms"))


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


def _without_words(call: CallView) -> Event | None:
    """The request, or the last sign of Letta's work at it, while there is no word of the reply."""
    request = _request(call)
    if request is None or call.after(request, "think.first_token") is not None:
        return None
    return call.after(request, *SIGNS, "think.retry") or request


def _said(call: CallView) -> Event | None:
    """Words of the caller that make a turn, and of which Letta has heard nothing."""
    ends = (call.last("transcribe.transcript", final=True), call.last("transcribe.done"))
    final = max((each for each in ends if each is not None), key=order, default=None)
    if final is None or not str(final.data.get("text") or "").strip():
        return None
    speaking = call.last("play.speaking")
    if speaking is not None and order(speaking) < order(final):
        silent = call.after(speaking, "play.silent", "play.interrupted", "play.turn")
        if silent is None or silent.at > final.at:
            return None  # said into the agent's speech: it need not be a turn
    request = call.last("think.request")
    speech = call.all("hear.speech_started", since=final.at - 60.0)
    since = max((each.at for each in speech if each.at <= final.at), default=final.at)
    if request is not None and request.at >= since:
        return None
    pause = call.after(final, "hear.end_of_turn")
    return pause or final


def _typed(call: CallView) -> Event | None:
    """What the caller has typed and sent, while Letta was not asked for it."""
    typed = call.typed
    if typed is None or not call.agents:
        return None
    text = str(typed.data.get("text") or "").strip()
    for request in reversed(call.all("think.request", "play.turn", since=typed.at - CLOCKS_S)):
        said = str(request.data.get("text") or request.data.get("user") or "")
        if text in said or order(request) > order(typed):
            return None
    return typed


stage.owes(
    Link(
        given="the caller had said something",
        owed="Letta was asked",
        told_by="the worker",
        within_s=ASKED_S,
        doing="The caller may go on: the agent waits for the end of the turn.",
        since=_said,
        by=(),
        unless=NO_TURN,
        likely=UNASKED,
        asks=("agent",),
    ),
    Link(
        given="the caller typed something",
        owed="Letta was asked",
        told_by="the worker",
        within_s=ASKED_S,
        doing="What was typed is on its way to the agent.",
        since=_typed,
        by=(),
        unless=NO_TURN,
        likely=UNASKED,
        asks=("agent",),
    ),
    Link(
        given="a tool of the agent was called",
        owed="it has returned",
        told_by="the worker, by Letta's stream",
        within_s=TOOL_S + 2.0,
        doing="A tool runs.",
        since=_running_tool,
        by=(),
        likely=(f"Look at what the tool waits for ({LOG}), or take it from the Letta agent.",),
        asks=("letta",),
    ),
    Link(
        given="Letta was asked, or gave its last sign",
        owed="the reply has begun",
        told_by="the worker, by Letta's stream",
        within_s=FIRST_TOKEN_S + 2.0,
        doing="Letta makes the first word.",
        since=_without_words,
        by=(),
        likely=(
            "Is the agent's model slow or stuck? Try it in Letta alone, or choose a quicker one.",
            f"./restart_voice_system.sh letta. {LOG}",
        ),
        asks=("letta", "models"),
    ),
    Link(
        given="the reply had begun",
        owed="it is whole",
        told_by="the worker, by Letta's stream",
        within_s=120.0,
        doing="Letta writes.",
        since=("think.first_token",),
        by=("think.done",),
        unless=("play.turn", "play.interrupted", "think.error", "think.request"),
        likely=(f"The model's stream has stalled: restart its server. {LOG}",),
        asks=("letta", "models"),
    ),
)
