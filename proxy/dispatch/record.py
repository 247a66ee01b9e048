"""What the proxy remembers of a room whose agent it was asked for."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.dispatch.sight import Dispatch

State = Literal["none", "requested", "waiting_for_worker", "joined", "not_joined"]

RECORDS_MAX = 1000
BACK_WITHIN_S = 30.0
"""How long the callers of a room that was lost may take to come back to it."""


@dataclass(frozen=True)
class Wish:
    """What an agent is sent with: the Letta agent for its mind, and how it listens.

    `fault` is for the first job to have on purpose: one that follows it has none.
    """

    agent_id: str | None = None
    settings: Mapping[str, float | bool] = field(default_factory=dict)
    fault: str | None = None

    def metadata(self, *, caller_waits: bool) -> str:
        """As the job reads it; `caller_waits`: a caller is in the room already."""
        told = {
            "agent_id": self.agent_id,
            "fault": self.fault,
            "settings": dict(self.settings),
            "caller_waits": caller_waits,
        }
        return json.dumps({name: one for name, one in told.items() if one})

    def unmet_by(self, dispatch: Dispatch | None) -> str:
        """A warning when the agent of this dispatch was sent with something else."""
        if dispatch is None:
            return ""
        try:
            metadata = json.loads(dispatch.metadata or "{}")
        except ValueError:
            return ""
        sent = metadata if isinstance(metadata, dict) else {}
        there = sent.get("agent_id")
        if self.agent_id is not None and there != self.agent_id:
            return (
                f" It was sent with Letta agent {there or '(the default)'}, not {self.agent_id}: "
                "end that call first, or use another room."
            )
        if self.settings and sent.get("settings", {}) != dict(self.settings):
            return (
                " It was sent with other settings, and keeps them: end that call first, or use "
                "another room."
            )
        return ""


@dataclass
class Record:
    """One room: what was asked, what became of it, and the task that sees to it."""

    room: str
    wish: Wish = field(default_factory=Wish)
    state: State = "none"
    message: str = "Nobody has asked for an agent in this room."
    dispatch_id: str | None = None
    dispatches_made: int = 0
    """Dispatches since the last request."""
    requested_at: float | None = None
    dispatched_at: float | None = None
    joined_at: float | None = None
    seen: dict[str, float] = field(default_factory=dict)
    """Identities of agents that have been in the room, and when each was first seen."""
    dead: set[str] = field(default_factory=set)
    """Jobs whose process is known to have died, whatever the server says of them."""
    replaced_at: list[float] = field(default_factory=list)
    """When agents that died were replaced, as far as it was lately."""
    lost_at: float | None = None
    """When the agent lost the room, as it does when the server is restarted."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the room is looked at and acted upon, so that two requests make one dispatch."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server reported something about the room's agents."""
    follower: asyncio.Task[None] | None = None

    def saw(self, identity: str, now: float) -> None:
        """Remember that an agent is, or was, in the room."""
        self.seen.setdefault(identity, now)

    def is_awaited(self, now: float) -> bool:
        """Whether the server has lost the room lately, and its callers may still come back."""
        return self.lost_at is not None and now - self.lost_at < BACK_WITHIN_S

    @property
    def idle(self) -> bool:
        """Whether nothing is lost when this record is forgotten."""
        done = self.follower is None or self.follower.done()
        return done and not self.lock.locked()


class Records:
    """The rooms that were asked for, the latest `RECORDS_MAX` of them."""

    def __init__(self, limit: int = RECORDS_MAX) -> None:
        self._limit = limit
        self._rooms: OrderedDict[str, Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, room: str) -> Record | None:
        return self._rooms.get(room)

    def claim(self, room: str) -> Record | None:
        """The record of `room`, made if there is none; None when all places are in use."""
        record = self._rooms.get(room)
        if record is None:
            if len(self._rooms) >= self._limit and not self._forget_one():
                return None
            record = self._rooms[room] = Record(room)
        self._rooms.move_to_end(room)
        return record

    def all(self) -> list[Record]:
        return list(self._rooms.values())

    def _forget_one(self) -> bool:
        for room, record in self._rooms.items():
            if record.idle:
                del self._rooms[room]
                return True
        return False
