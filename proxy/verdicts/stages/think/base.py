"""The stage, and what Letta is at now."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules

SIGNS = (
    "think.first_token",
    "think.reasoning",
    "think.tool_call",
    "think.tool_return",
    "think.usage",
)
OVER = ("think.done", "think.error", "play.turn", "play.interrupted")
LOG = "./restart_voice_system.sh logs letta"
WORKS = ("think.first_token", "think.done")

stage = Rules("think", usual_ms=300, works=WORKS, log="letta")


def thinking(call: CallView) -> Event | None:
    """The request that Letta works at."""
    asked = call.last("think.request")
    if asked is None or call.after(asked, *OVER) is not None:
        return None
    return asked


def tool(call: CallView) -> Event | None:
    """The tool that runs now, of the request that Letta works at."""
    asked = thinking(call)
    called = call.after(asked, "think.tool_call") if asked is not None else None
    if called is None or call.after(called, "think.first_token", "think.usage") is not None:
        return None
    returned = call.after(asked, "think.tool_return")
    if returned is None or returned.at < called.at:
        return called
    return None
