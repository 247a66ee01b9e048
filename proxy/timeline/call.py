"""One call as the proxy keeps it: its events, who is in it, and how it was judged."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.events import Event, Stage
from proxy.verdicts import bounds
from proxy.verdicts.history import History
from proxy.verdicts.verdict import Verdict

THIN_FROM = 0.75
"""Share of the events a call may have from which figures are kept more rarely."""
KEEP_ONE_IN = 10
LETTA_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
THINNED = f"of media.stats only one in {KEEP_ONE_IN} is kept from here on"
FULL = "nothing more is kept of this call; CALL_EVENTS_MAX is the limit"


@dataclass(eq=False)
class CallRecord:
    """What happens in a room from its first event until the room has ended."""

    room: str
    started: float
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    ended: float | None = None
    agent_id: str | None = None
    turns: int = 0
    history: History = field(default_factory=History)
    arrivals: list[Event] = field(default_factory=list)
    """The events by `seq`, which is the order in which they came in."""
    keys: set[str] = field(default_factory=set)
    dropped: dict[str, Event] = field(default_factory=dict)
    """Events that did not fit into the queue of the database, by key."""
    identities: dict[str, float] = field(default_factory=dict)
    """Who was given a token for the call, and when."""
    present: set[str] = field(default_factory=set)
    """Identities in the room, as the SFU reported them."""
    callers: set[str] = field(default_factory=set)
    """Those of them who are no agents."""
    heard_at: float = field(default_factory=time.monotonic)
    """When the last event came in, by the monotonic clock."""
    ended_at: float | None = None
    """When it was found to have ended, by the monotonic clock."""
    verdicts: Mapping[Stage, Verdict] = field(default_factory=dict)
    stored_verdicts: list[dict[str, Any]] | None = None
    """As they were at the end of the call, in the form of the API."""
    failing: str | None = None
    cause: str | None = None
    worst: dict[str, Any] | None = None
    """The last failing verdict, whatever came after it."""
    deleted: bool = False
    stats_left: int = 0
    """Figures (`media.stats`) that came after the call had become long."""
    limits_noted: set[str] = field(default_factory=set)
    """What its timeline already says of events that are not kept."""
    last_at: float = 0.0
    """When the latest of its events happened, those of the system aside."""

    @property
    def open(self) -> bool:
        return self.ended is None

    @classmethod
    def from_row(cls, row: dict[str, Any], events: list[Event]) -> CallRecord:
        """The call of a row of the database and its events, as it was in memory."""
        call = cls(row["room"], row["started"], id=row["id"])
        for event in events:
            call.add(event)
        call.agent_id = row["agent_id"] or call.agent_id
        call.failing, call.cause, call.worst = row["failing"], row["cause"], row["worst"]
        call.stored_verdicts = row["verdicts"]
        if row["ended"] is not None:
            call.end(row["ended"])
        else:
            call.heard_at = time.monotonic() - max(0.0, time.time() - call.last_at)
        return call

    def why_left_out(self, event: Event, limit: int) -> str:
        """Why `event` is not kept; empty when it is. Figures go first when a call becomes long."""
        if len(self.arrivals) >= limit:
            return FULL
        if event.topic != "media.stats" or len(self.arrivals) < limit * THIN_FROM:
            return ""
        self.stats_left += 1
        return THINNED if self.stats_left % KEEP_ONE_IN else ""

    def add(self, event: Event) -> None:
        """Take an event and what it says of the call as a whole."""
        self.started = min(self.started, event.at)
        self.history.add(event)
        self.arrivals.append(event)
        self.keys.add(event.key)
        if event.stage != "system":
            self.last_at = max(self.last_at, event.at)
            self.heard_at = time.monotonic()
        identity = event.data.get("identity")
        match event.topic:
            case "play.turn":
                self.turns += 1
            case "dispatch.received":
                self.agent_id = _id(event.data.get("agent_id")) or self.agent_id
            case "job.job":
                self.agent_id = _agent_of(event.data.get("metadata")) or self.agent_id
            case "join.participant_joined":
                self.present.add(str(identity))
            case "signal.participant_joined":
                self.present.add(str(identity))
                self.callers.add(str(identity))
            case "join.participant_left" | "signal.participant_left":
                self.present.discard(str(identity))
                self.callers.discard(str(identity))
            case "token.issued":
                self.identities[str(identity)] = event.at
            case "system.timeline_full":
                self.limits_noted.add(str(event.data.get("what")))

    def end(self, at: float) -> None:
        self.ended = max(at, self.started)
        self.ended_at = time.monotonic()

    def row(self) -> dict[str, Any]:
        """The call without its events, as it is stored."""
        return {
            "id": self.id,
            "room": self.room,
            "started": self.started,
            "ended": self.ended,
            "agent_id": self.agent_id,
            "turns": self.turns,
            "events": len(self.arrivals),
            "failing": self.failing,
            "cause": self.cause,
            "worst": self.worst,
            "verdicts": self.stored_verdicts,
        }


def shown(call: CallRecord) -> dict[str, Any]:
    """The row of a call in memory as people see it: over when its callers have gone, although it
    is kept open for what is reported late."""
    row = call.row()
    if row["ended"] is None:
        over = bounds.ending(call.history, bounds.beginning(call.history))
        row["ended"] = over.at if over is not None else None
    return row


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and LETTA_ID.fullmatch(value) else None


def _agent_of(metadata: object) -> str | None:
    """The Letta agent that a job's metadata names."""
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            return None
    return _id(metadata.get("agent_id")) if isinstance(metadata, dict) else None
