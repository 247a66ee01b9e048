"""What a dispatch carries in its metadata: `{"agent_id": …, "settings": {…}, "fault": …,
"caller_waits": true}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("agent.job")


@dataclass(frozen=True)
class DispatchMetadata:
    """`agent_id`: the Letta agent of the call; None: the default. `settings`: how the agent listens
    in this call (agent/listening.py). `fault`: a fault for tests (agent/faults.py). `caller_waits`:
    a caller is in the room already."""

    agent_id: str | None = None
    fault: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    caller_waits: bool = False


def parse_metadata(metadata: str) -> DispatchMetadata:
    """Never raises: what cannot be understood is logged and left out."""
    if not metadata:
        return DispatchMetadata()
    try:
        parsed = json.loads(metadata)
    except ValueError:
        logger.warning("the dispatch's metadata is not JSON, so it names no agent: %r", metadata)
        return DispatchMetadata()
    if not isinstance(parsed, dict):
        return DispatchMetadata()
    return DispatchMetadata(
        _text(parsed.get("agent_id")),
        _text(parsed.get("fault")),
        _settings(parsed.get("settings")),
        parsed.get("caller_waits") is True,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _settings(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    if value is not None:
        logger.warning("the dispatch's settings are no object, so they are ignored: %.100r", value)
    return {}
