"""think, where the agent is not our worker: a language model makes the reply, without Letta.

What it is, and where it runs, is known to its worker alone; its errors are quoted as they came.
"""

from __future__ import annotations

from collections.abc import Callable

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import ANOTHERS_LOG, Link, Rules
from proxy.verdicts.verdict import Verdict

FIRST_TOKEN_S = 5.0
TOOL_S = 4.0
NO_REPLY_S = 1.5
ASKED_S = 9.0
RETRIED_S = 2.5
"""Seconds an error that is tried again may take to mend."""
SETTINGS = (
    f"Look at the language model of its worker: its settings, its address, its key; {ANOTHERS_LOG}."
)
SPOKE = ("play.speaking", "play.turn", "speak.first_byte")
WORKS = ("think.first_token", "think.done", *SPOKE)

stage = Rules("think", usual_ms=500, works=WORKS)


def _error(call: CallView) -> Event | None:
    """The last failure of the model that stands, and for whose next try nobody waits."""
    error = stage.unresolved(call, "think.error")
    if error is None or error.data.get("kind") in ("rejected", "rate-limited"):
        return None  # `system` tells of keys and limits
    tried_again = error.data.get("recoverable") is True and call.age(error) < RETRIED_S
    return None if tried_again else error


def _speaks_of(*words: str) -> Callable[[Event], bool]:
    return lambda error: any(word in str(error.data.get("message")).lower() for word in words)


def _cause(code: str, sentence: str, step: str, names_it: Callable[[Event], bool]) -> None:
    @stage.cause(code)
    def named(call: CallView) -> Verdict | None:
        error = _error(call)
        if error is None or not names_it(error):
            return None
        message = str(error.data.get("message") or "it gave no reason").rstrip(".")
        request = call.last("think.request")
        return stage.failing(f"{sentence}: {message}.", step, error, request, since=error.at)


_cause(
    "model-not-found",
    "The language model of this agent does not exist at its provider",
    f"Give its worker the name of a model that the provider has. {SETTINGS}",
    lambda error: (
        error.data.get("kind") == "gone" or _speaks_of("model_not_found", "no such model")(error)
    ),
)
_cause(
    "quota-used-up",
    "The provider of the language model gives no more",
    "Look at the plan and the credit of that account, or give the agent another model.",
    _speaks_of("insufficient_quota", "billing", "exceeded your"),
)
_cause(
    "model-unreachable",
    "The language model of this agent cannot be reached",
    SETTINGS,
    lambda error: error.data.get("kind") in ("refused", "timeout", "dns", "reset"),
)
_cause("model-fails", "The language model of this agent failed", SETTINGS, lambda _: True)


@stage.cause("tool-hangs")
def tool_hangs(call: CallView) -> Verdict | None:
    tool = call.last("think.tool_call")
    if tool is None or call.after(tool, "think.tool_return", *WORKS) is not None:
        return None
    if call.age(tool) < TOOL_S:
        return None
    name = tool.data.get("name") or "a tool"
    return stage.late(
        f"The tool {name} was called {call.age(tool):.1f} s ago and has not returned; arguments "
        f"{str(tool.data.get('arguments', ''))[:120]}.",
        f"Look at what {name} waits for: {ANOTHERS_LOG}.",
        tool,
        since=tool.at,
    )


@stage.cause("no-first-token")
def no_first_token(call: CallView) -> Verdict | None:
    request = _unanswered(call)
    if request is None or _has_given_up(call, request) or call.age(request) < FIRST_TOKEN_S:
        return None
    error = call.after(request, "think.error")
    why = f": {error.data.get('message')}" if error is not None else ""
    return stage.late(
        f"The agent has been thinking for {call.age(request):.1f} s, and nothing came of it{why}.",
        f"Is its language model slow or stuck? {SETTINGS}",
        request,
        error,
        since=request.at,
    )


@stage.cause("no-reply")
def no_reply(call: CallView) -> Verdict | None:
    """It thought, and went back to listening."""
    request = _unanswered(call)
    silent = _has_given_up(call, request) if request is not None else None
    if request is None or silent is None or call.age(silent) < NO_REPLY_S:
        return None
    return stage.failing(
        "The agent thought about what was said, and went back to listening without a word.",
        f"Did its language model answer with nothing, or did the worker fail? {SETTINGS}",
        request,
        silent,
        call.after(request, "think.error"),
        since=silent.at,
    )


@stage.cause("turn-not-begun")
def not_begun(call: CallView) -> Verdict | None:
    """What the caller said makes no turn."""
    said = _said(call)
    if said is None or call.age(said) < ASKED_S:
        return None
    return stage.late(
        f"The caller said something {call.age(said):.1f} s ago, and the agent does not think about "
        "it.",
        f"The agent decides when the caller has finished: say it again. Else {ANOTHERS_LOG} may "
        "have the reason.",
        said,
        since=said.at,
    )


def _unanswered(call: CallView) -> Event | None:
    """What the model was asked for, while nothing came of it."""
    request = call.last("think.request")
    ends = ("hear.speech_started", "play.interrupted", "think.tool_call", "speak.error", *WORKS)
    return None if request is None or call.after(request, *ends) is not None else request


def _has_given_up(call: CallView, request: Event) -> Event | None:
    """The agent's going back to listening after the request, without a word."""
    state = call.after(request, "join.agent_state")
    return state if state is not None and state.data.get("to") in ("listening", "idle") else None


def _said(call: CallView) -> Event | None:
    """The caller's last words, when the agent neither speaks nor thinks since."""
    words = call.last("transcribe.transcript", final=True)
    if words is None or not str(words.data.get("text") or "").strip():
        return None
    speaking = call.last("play.speaking")
    silent = call.after(speaking, "play.silent", "play.interrupted") if speaking else None
    if speaking is not None and (silent is None or silent.at > words.at):
        return None  # said into the agent's speech: it need not be a turn
    ends = ("think.request", "think.error", "hear.speech_started", *WORKS)
    return None if call.after(words, *ends) is not None else words


@stage.proof
def proof(call: CallView) -> Verdict | None:
    done = call.last(*WORKS)
    if done is None:
        return stage.not_seen("The language model was not asked yet.")
    if call.last("think.first_token", "think.done", "think.request") is None:
        return stage.not_told("The agent speaks; it does not tell what its model does.", done)
    first = call.last("think.first_token")
    ms = first.data.get("ms") if first is not None else None
    return stage.ok("The language model has answered.", first or done, ms=ms)


stage.owes(
    Link(
        given="the caller had said something",
        owed="the language model was asked",
        told_by="the agent, by its state",
        within_s=ASKED_S + 2.0,
        doing="The caller may go on: the agent waits for the end of the turn.",
        since=_said,
        by=(),
        asks=("agent",),
    ),
    Link(
        given="the language model was asked",
        owed="a reply comes",
        told_by="the agent, by its state and its session events",
        within_s=FIRST_TOKEN_S + 2.0,
        doing="The language model makes the reply.",
        since=_unanswered,
        by=(),
        asks=("agent",),
    ),
    Link(
        given="the reply had begun",
        owed="it is spoken",
        told_by="the agent, by its state and its session events",
        within_s=10.0,
        doing="The language model writes.",
        since=("think.first_token",),
        by=("think.done", *SPOKE),
        unless=("speak.error", "think.error", "hear.speech_started"),
        asks=("agent",),
    ),
)
