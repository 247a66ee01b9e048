"""What should have come by now, and nobody said why it does not."""

from __future__ import annotations

from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.think.base import LOG, SIGNS, stage, thinking, tool
from proxy.verdicts.verdict import Verdict

FIRST_TOKEN_S = 3.4
TOOL_S = 3.0
STALLED_S = 4.5
NOT_BEGUN_S, CLOCKS_S = 5.0, 3.0
"""The page tells the agent's state by its own clock."""


@stage.cause("tool-hangs")
def tool_hangs(call: CallView) -> Verdict | None:
    pending = tool(call)
    if pending is None or call.age(pending) < TOOL_S:
        return None
    name = pending.data.get("name", "a tool")
    return stage.late(
        f"The tool {name} was called {call.age(pending):.1f} s ago and has not returned (usually "
        f"0.1 s); arguments {str(pending.data.get('arguments', ''))[:120]}.",
        f"Look at what {name} waits for ({LOG}), or take it from the Letta agent.",
        pending,
        since=pending.at,
    )


@stage.cause("no-first-token")
def no_first_token(call: CallView) -> Verdict | None:
    asked = thinking(call)
    if asked is None or tool(call) is not None or call.after(asked, "think.first_token"):
        return None
    sign = call.after(asked, *SIGNS, "think.retry") or asked
    if call.age(sign) < FIRST_TOKEN_S:
        return None
    retry = call.after(asked, "think.retry")
    why = f"; {retry.data.get('message')}" if retry is not None else ""
    return stage.late(
        f"Letta has written nothing for {call.age(sign):.1f} s (usually 0.3 s to the first word)"
        f"{why}.",
        "Is the agent's model slow or stuck? Try it in Letta alone, choose a quicker model, or "
        f"restart: ./restart_voice_system.sh letta. {LOG}",
        asked,
        sign if sign is not asked else None,
        since=sign.at,
    )


@stage.cause("turn-not-begun")
def turn_not_begun(call: CallView) -> Verdict | None:
    """The agent says that it thinks, and has not asked Letta anything."""
    state = call.last("join.agent_state")
    if state is None or state.data.get("to") != "thinking" or call.age(state) < NOT_BEGUN_S:
        return None
    asked = call.last("think.request", "think.error")
    if asked is not None and asked.at > state.at - CLOCKS_S:
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
    asked = thinking(call)
    first = call.after(asked, "think.first_token") if asked is not None else None
    if first is None or tool(call) is not None:
        return None
    quiet = call.last("play.silent")
    speaking = call.after(quiet, "play.speaking") is not None
    sign = max(
        (each for each in (call.after(first, *SIGNS), quiet, first) if each is not None),
        key=lambda event: event.at,
    )
    if speaking or call.age(sign) < STALLED_S:
        return None
    return stage.late(
        f"Letta began its reply and has written nothing more for {call.age(sign):.1f} s.",
        f"The model's stream has stalled: restart its server, or choose another model. {LOG}",
        first,
        sign if sign is not first else None,
        since=sign.at,
    )
