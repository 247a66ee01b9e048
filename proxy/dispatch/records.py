"""What the proxy knows of each room that was asked for an agent."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from proxy.clients.registration import Worker, worker_in_words
from proxy.dispatch.snapshot import Dispatch, RoomSnapshot

RECORDS_MAX = 1000
BACK_WITHIN_S = 30.0
"""How long the callers of a room that was lost may take to come back to it."""


class State(StrEnum):
    """Where the dispatch of a room stands."""

    NONE = "none"
    WAITING = "waiting_for_worker"
    REQUESTED = "requested"
    JOINED = "joined"
    NOT_JOINED = "not_joined"


MEANING = {
    State.NONE: "no agent is asked for, or the call has ended",
    State.WAITING: "no worker can take the dispatch yet; it is made when one registers",
    State.REQUESTED: "a dispatch brings the agent",
    State.JOINED: "the agent is in the room",
    State.NOT_JOINED: "the agent did not come, or no other one is sent",
}


@dataclass(frozen=True)
class DispatchPolicy:
    """What the settings say of all dispatches."""

    agent_name: str
    join_timeout: float
    """Seconds in which an agent must join."""
    worker_wait: float
    """Seconds for which a dispatch waits for a worker."""


@dataclass(frozen=True)
class DispatchRequest:
    """What an agent is sent with: its Letta agent, and how it listens in this call.

    `fault` is for the first job only: an agent that replaces it has none.
    """

    agent_id: str | None = None
    settings: Mapping[str, float | bool] = field(default_factory=dict)
    fault: str | None = None

    def metadata(self, *, caller_waits: bool) -> str:
        """The JSON that the job reads; `caller_waits`: a caller is in the room already."""
        values = {
            "agent_id": self.agent_id,
            "fault": self.fault,
            "settings": dict(self.settings),
            "caller_waits": caller_waits,
        }
        return json.dumps({name: value for name, value in values.items() if value})

    def differs_from(self, dispatch: Dispatch | None) -> str:
        """A warning when the agent of `dispatch` was sent with something else; empty when not."""
        if dispatch is None:
            return ""
        try:
            metadata = json.loads(dispatch.metadata or "{}")
        except ValueError:
            return ""
        sent = metadata if isinstance(metadata, dict) else {}
        sent_agent = sent.get("agent_id")
        if self.agent_id is not None and sent_agent != self.agent_id:
            return (
                f" It was sent with Letta agent {sent_agent or '(the default)'}, not "
                f"{self.agent_id}: end that call first, or use another room."
            )
        if self.settings and sent.get("settings", {}) != dict(self.settings):
            return (
                " It was sent with other settings, and keeps them: end that call first, or use "
                "another room."
            )
        return ""


@dataclass(frozen=True)
class DispatchRecord:
    """One room: what was requested, and what became of it. Times are seconds since the epoch.

    Only `transition` makes one out of another.
    """

    room: str
    policy: DispatchPolicy
    request: DispatchRequest = field(default_factory=DispatchRequest)
    state: State = State.NONE
    message: str = "Nobody has asked for an agent in this room."
    dispatch_id: str | None = None
    dispatches_made: int = 0
    """Dispatches since the last request."""
    requested_at: float | None = None
    dispatched_at: float | None = None
    joined_at: float | None = None
    agents_seen: Mapping[str, float] = field(default_factory=dict)
    """When each agent that is or was in the room was first seen there, by identity."""
    dead_jobs: frozenset[str] = frozenset()
    """Jobs whose process has died, whatever the server says of them."""
    replaced_at: tuple[float, ...] = ()
    """When agents that died were replaced, as far as it was lately."""
    lost_at: float | None = None
    """When the agent lost the room, as it does when the server is restarted."""
    give_up_at: float = 0.0
    """When the monitor stops waiting for a worker."""
    overdue: bool = False
    """The alarm was raised for the last dispatch."""
    missing_since: float | None = None
    """Since when the monitor does not find the room."""
    sfu_error: str = ""
    """Code of the error that the monitor logged last, while it goes on."""

    def saw(self, identity: str, now: float) -> DispatchRecord:
        """With an agent that is, or was, in the room."""
        if identity in self.agents_seen:
            return self
        return replace(self, agents_seen={**self.agents_seen, identity: now})

    def is_awaited(self, now: float) -> bool:
        """Whether the server has lost the room lately, and its callers may still come back."""
        return self.lost_at is not None and now - self.lost_at < BACK_WITHIN_S

    def is_overdue(self, now: float) -> bool:
        """Whether the agent of the last dispatch should have been here by now."""
        return (
            self.dispatched_at is not None
            and self.joined_at is None
            and now - self.dispatched_at >= self.policy.join_timeout
        )

    def call_has_ended(self, snapshot: RoomSnapshot) -> bool:
        """Whether the agent was there, and no caller is left."""
        return self.joined_at is not None and not snapshot.callers

    def begun(self, request: DispatchRequest, now: float) -> DispatchRecord:
        """As a request begins: nothing counts of what was made for an earlier one."""
        return replace(
            self.monitored(now),
            request=replace(request, fault=None),
            requested_at=now,
            dispatches_made=0,
            joined_at=None,
        )

    def monitored(self, now: float) -> DispatchRecord:
        """As a monitor begins: its times count from now."""
        give_up_at = now + self.policy.worker_wait
        return replace(self, give_up_at=give_up_at, overdue=False, missing_since=None, sfu_error="")

    def waiting(self, worker: Worker | None) -> DispatchRecord:
        """As long as no worker can take the dispatch."""
        message = f"Waiting for a worker. {worker_in_words(worker)}"
        return replace(self, state=State.WAITING, message=message)

    def on_its_way(self, dispatch: Dispatch) -> DispatchRecord:
        """While `dispatch`, which was there already, brings the agent."""
        return replace(
            self,
            state=State.REQUESTED,
            message="The agent is on its way.",
            dispatch_id=dispatch.id,
            dispatched_at=dispatch.created_at,
        )


@dataclass(eq=False)
class RoomEntry:
    """The present record of a room, and what works on it."""

    record: DispatchRecord
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the room is looked at and acted upon, so that two requests make one dispatch."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the monitor has to look at once."""
    monitor: asyncio.Task[None] | None = None
    """Watches until the agent is there; it acts only while it holds the lock itself."""

    @property
    def room(self) -> str:
        return self.record.room

    @property
    def idle(self) -> bool:
        """Whether nothing is lost when this entry is forgotten."""
        done = self.monitor is None or self.monitor.done()
        return done and not self.lock.locked()

    def stop_monitor(self) -> None:
        """End the monitor; it ends by itself when it is the one that asks for it."""
        if self.monitor is not None and self.monitor is not asyncio.current_task():
            self.monitor.cancel()
        self.monitor = None


class Records:
    """The rooms that were asked for, the latest `limit` of them."""

    def __init__(self, policy: DispatchPolicy, limit: int = RECORDS_MAX) -> None:
        self._policy = policy
        self._limit = limit
        self._entries: OrderedDict[str, RoomEntry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, room: str) -> RoomEntry | None:
        return self._entries.get(room)

    def claim(self, room: str) -> RoomEntry | None:
        """The entry of `room`, made if there is none; None when all places are in use."""
        entry = self._entries.get(room)
        if entry is None:
            if len(self._entries) >= self._limit and not self._forget_idle():
                return None
            entry = self._entries[room] = RoomEntry(self.blank(room))
        self._entries.move_to_end(room)
        return entry

    def blank(self, room: str) -> DispatchRecord:
        """The record of a room that nobody has asked for."""
        return DispatchRecord(room, self._policy)

    def all(self) -> list[RoomEntry]:
        return list(self._entries.values())

    def _forget_idle(self) -> bool:
        for room, entry in self._entries.items():
            if entry.idle:
                del self._entries[room]
                return True
        return False
