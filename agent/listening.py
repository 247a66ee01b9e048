"""How the agent listens in one call: the worker's settings, and what the dispatch has otherwise.

A value that is unknown or out of bounds is logged and left out: the call goes on without it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.settings import AgentSettings
from common.settings import ENDPOINTING, LISTENING, can_listen_with

logger = logging.getLogger("agent.job")


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


def listening(settings: AgentSettings, wanted: Mapping[str, Any]) -> Listening:
    """`settings` with what of `wanted` a call can have."""
    fitting: dict[str, Any] = {}
    ignored = []
    for name, value in wanted.items():
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
