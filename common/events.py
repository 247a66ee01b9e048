"""Everything that happens in a call is an event; this is its one shape, with who reports it and in
which stage of the call it belongs.

Which events there are stands in common/event_table.py. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Source = Literal["browser", "proxy", "agent", "sfu", "letta"]
Stage = Literal[
    "system", "token", "signal", "media", "dispatch", "job",
    "join", "hear", "transcribe", "think", "speak", "play",
]  # fmt: skip
SOURCES: tuple[Source, ...] = get_args(Source)
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    `at` is in seconds since the epoch, by the clock of whoever reports it. `key` is given by the
    reporter and is the same when it reports the event again, so that each is kept once. `seq` is
    the proxy's own number, rising over all rooms; 0 before the proxy has taken the event.
    """

    at: float
    room: str
    source: Source
    stage: Stage
    name: str
    data: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    seq: int = 0

    @property
    def topic(self) -> str:
        """`stage.name`, by which the verdicts look events up."""
        return f"{self.stage}.{self.name}"

    def as_json(self) -> dict[str, Any]:
        """What leaves the proxy: in the stream, in a call, in a file."""
        return {name: getattr(self, name) for name in JSON_KEYS}


JSON_KEYS = ("seq", "at", "room", "source", "stage", "name", "data", "key")
