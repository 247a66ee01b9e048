"""What a dispatch asks for, in its metadata: `{"agent_id": …, "settings": {…}, "fault": …,
"caller_waits": true}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("agent.job")


@dataclass(frozen=True)
class Asked:
    """The Letta agent of the call (None: the default), how the agent listens (agent/listening.py),
    a fault for tests (agent/faults.py), and whether a caller is in the room already."""

    agent_id: str | None = None
    fault: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    caller_waits: bool = False


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
    return Asked(
        _text(found.get("agent_id")),
        _text(found.get("fault")),
        _settings(found.get("settings")),
        found.get("caller_waits") is True,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _settings(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    if value is not None:
        logger.warning("the dispatch's settings are no object, so they are ignored: %.100r", value)
    return {}
