"""The last words of a call, written into Letta's memory although no reply to them is wanted.

Letta has no public request for it, so the way depends on the server: our own has one (dev/letta);
any other stores the words as messages of the agent, which its search finds, but not in the
conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

import letta_client
from letta_client import AsyncLetta

from agent.letta.memory import Said

NOT_THERE = (404, 405, 422, 501)


async def write(
    client: AsyncLetta, agent_id: str, conversation_id: str, words: Sequence[Said]
) -> bool:
    """Store the words in order; False when they could not be put into the conversation itself."""
    body = {"messages": [{"role": one.role, "content": one.text} for one in words]}
    try:
        await client.post(
            f"/v1/conversations/{conversation_id}/messages/record", cast_to=object, body=body
        )
    except letta_client.APIStatusError as error:
        if error.status_code not in NOT_THERE:
            raise
    else:
        return True
    for request, reply in _exchanges(words):
        await client.post(
            f"/v1/agents/{agent_id}/messages/capture",
            cast_to=object,
            body={
                "provider": "voice",
                "model": "voice",
                "request_messages": [{"role": "user", "content": text} for text in request],
                "response_dict": {"content": reply},
            },
        )
    return False


def _exchanges(words: Sequence[Said]) -> list[tuple[list[str], str]]:
    """User turns with what was heard in reply; turns without a reply are joined to the next one."""
    exchanges: list[tuple[list[str], str]] = []
    waiting: list[str] = []
    for one in words:
        if one.role == "user":
            waiting.append(one.text)
        elif waiting:
            exchanges.append((waiting, one.text))
            waiting = []
    return exchanges
