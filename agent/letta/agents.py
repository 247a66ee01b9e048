"""Which Letta agent a call is with: the one asked for, else the first one Letta lists.

Asked in plain JSON: an agent's whole state is 20 kB and hundreds of fields, of which one is needed.
"""

from __future__ import annotations

from typing import Any

from letta_client import AsyncLetta

from agent.letta.errors import Trouble

NO_AGENT_AT_ALL = "There is no Letta agent yet. Please create one first."
LEAST = {"include_relationships": "tags"}  # leaves out tools, blocks and files, which take time


async def first(client: AsyncLetta) -> str:
    """The id of the first agent; Trouble when there is none."""
    listed: Any = await client.get(
        "/v1/agents/", cast_to=object, options={"params": {"limit": 1, **LEAST}}
    )
    if not listed:
        raise Trouble(
            "no_agent",
            f"Letta at {client.base_url} has no agent",
            "create one on the page or in Letta",
            NO_AGENT_AT_ALL,
        )
    return str(listed[0]["id"])


async def name(client: AsyncLetta, agent_id: str) -> str:
    found: Any = await client.get(
        f"/v1/agents/{agent_id}", cast_to=object, options={"params": LEAST}
    )
    return str(found["name"])
