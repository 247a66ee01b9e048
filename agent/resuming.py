"""A call goes on after Letta was away: what the caller said meanwhile is answered, once."""

from __future__ import annotations

import asyncio

from agent.letta.errors import READY, Trouble
from agent.resources import AgentResources

LOOK_EVERY = 0.1  # seconds
TURN_BEGINS_AFTER = 1.5  # seconds after the caller's last sound, at most


async def resume(resources: AgentResources) -> str:
    """Letta answers again. Returns what is left to be said: nothing, an excuse, or that the agent
    is ready."""
    llm, session = resources.llm, resources.session
    waited = llm.is_waited_for
    try:
        await llm.init()
    except Trouble as trouble:
        return llm.excuse(trouble)
    if waited and not resources.turns.begun:
        return READY
    # A turn that is being answered, or about to begin, carries what waits.
    while llm.busy or session.user_state == "speaking":  # noqa: ASYNC110 - no event for either
        await asyncio.sleep(TURN_BEGINS_AFTER if session.user_state == "speaking" else LOOK_EVERY)
    if llm.unanswered is not None:
        session.generate_reply()
    return ""
