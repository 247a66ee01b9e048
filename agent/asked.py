"""What a dispatch asks for, in its metadata: `{"agent_id": "agent-…", "fault": "raise"}`."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

logger = logging.getLogger("agent.job")


@dataclass(frozen=True)
class Asked:
    """The Letta agent of the call (None: the default), and a fault for tests (agent/faults.py)."""

    agent_id: str | None = None
    fault: str | None = None


def asked(metadata: str) -> Asked:
    if not metadata:
        return Asked()
    try:
        found = json.loads(metadata)
    except ValueError:
        logger.warning("the dispatch's metadata is not JSON, so it names no agent: %r", metadata)
        return Asked()
    if not isinstance(found, dict):
        return Asked()
    return Asked(_text(found.get("agent_id")), _text(found.get("fault")))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
