"""What a dispatch carries in its metadata, and how the agent listens in the call that it begins.

The metadata is JSON: `{"agent_id": …, "settings": {…}, "fault": …, "caller_waits": true}`. A value
that is unknown or out of bounds is logged and left out: the call goes on without it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.settings import AgentSettings
from common.settings import ENDPOINTING, LISTENING, can_listen_with

logger = logging.getLogger("agent.job")


@dataclass(frozen=True)
class DispatchMetadata:
    """`agent_id`: the Letta agent of the call; None: the default. `settings`: how the agent listens
    in this call. `fault`: a fault for tests (agent/job/faults.py). `caller_waits`: a caller is in
    the room already."""

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


@dataclass(frozen=True)
class Listening:
    """The settings of a call, and which of them are its own."""

    settings: AgentSettings
    changed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        """As an event carries it."""
        values = {name: getattr(self.settings, name) for name in LISTENING}
        return {**values, "changed": list(self.changed), "ignored": list(self.ignored)}


def listening(settings: AgentSettings, requested: Mapping[str, Any]) -> Listening:
    """`settings` with what of `requested` a call can have."""
    fitting: dict[str, Any] = {}
    ignored = []
    for name, value in requested.items():
        if can_listen_with(name, value):
            fitting[name] = value
        else:
            ignored.append(name[:60])
            logger.warning("the dispatch's setting %.60s=%.60r is ignored", name, value)
    called = settings.model_copy(update=fitting)
    if called.endpointing_min_delay > called.endpointing_max_delay:
        logger.warning(
            "the dispatch's endpointing delays are ignored: %g would be more than %g",
            called.endpointing_min_delay,
            called.endpointing_max_delay,
        )
        ignored += [name for name in ENDPOINTING if fitting.pop(name, None) is not None]
        called = settings.model_copy(update=fitting)
    return Listening(called, tuple(fitting), tuple(ignored))
