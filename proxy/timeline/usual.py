"""How long each stage usually takes here, with this agent: the median of its last calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from common.events import Stage

CALLS = 50
FEW = 3
"""Calls of which a median is no guess any more."""
AGENTS_MAX = 200


class UsualTimes:
    """Learns from the verdicts of calls that have ended; of each agent apart."""

    def __init__(self) -> None:
        self._calls: dict[str | None, deque[dict[Stage, float]]] = {}
        self._medians: dict[str | None, Mapping[Stage, float]] = {}

    def learn(self, agent_id: str | None, verdicts: Iterable[Mapping[str, Any]] | None) -> None:
        """Take what the stages of a call took, by its verdicts at the end (form of the API)."""
        took: dict[Stage, float] = {
            row["stage"]: float(row["ms"])
            for row in verdicts or ()
            if row.get("state") == "ok" and isinstance(row.get("ms"), int | float)
        }
        if not took:
            return
        if agent_id not in self._calls and len(self._calls) >= AGENTS_MAX:
            oldest = next(iter(self._calls))
            self._calls.pop(oldest)
            self._medians.pop(oldest, None)
        calls = self._calls.setdefault(agent_id, deque(maxlen=CALLS))
        calls.append(took)
        known: dict[Stage, list[float]] = {}
        for call in calls:
            for stage, ms in call.items():
                known.setdefault(stage, []).append(ms)
        self._medians[agent_id] = {
            stage: median(times) for stage, times in known.items() if len(times) >= FEW
        }

    def of(self, agent_id: str | None) -> Mapping[Stage, float]:
        """Milliseconds by stage, of the stages of which enough is known."""
        return self._medians.get(agent_id, {})
