"""What a transition sees, and what it wants done: plain data, both.

`reconciler` brings the first and carries the second out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.clients.registration import Worker
from proxy.dispatch.records import DispatchRequest
from proxy.dispatch.snapshot import RoomSnapshot
from proxy.dispatch.timeline_facts import CallFound, JobExit


@dataclass(frozen=True)
class Requested:
    """Somebody asks for the agent, and this is the room. `worker` is None: not to be asked."""

    snapshot: RoomSnapshot
    worker: Worker | None
    request: DispatchRequest


@dataclass(frozen=True)
class RequestFailed:
    """A request failed, mostly because the LiveKit server did: what was before it goes on."""


@dataclass(frozen=True)
class Dispatched:
    """The LiveKit server made a dispatch, as `CreateDispatch` wanted it."""

    dispatch_id: str
    request: DispatchRequest | None
    room_existed: bool


@dataclass(frozen=True)
class Looked:
    """The monitor looked at the room."""

    snapshot: RoomSnapshot
    worker: Worker | None


@dataclass(frozen=True)
class LookFailed:
    """The LiveKit server did not let the monitor look."""

    code: str
    text: str


@dataclass(frozen=True)
class TimePassed:
    """The monitor did not look, as there is still no worker."""


@dataclass(frozen=True)
class StatusRead:
    """Somebody wants to know how the room is; the record that results is only shown."""

    snapshot: RoomSnapshot
    worker: Worker | None


@dataclass(frozen=True)
class AgentReported:
    """The server reports that an agent joined or left."""

    identity: str


@dataclass(frozen=True)
class ReplacementDue:
    """It is time to send another agent for the one whose job ended."""

    exit: JobExit


@dataclass(frozen=True)
class RoomFinished:
    """The server reports that the room has ended."""


@dataclass(frozen=True)
class RoomGone:
    """The server knows the room no more."""


Seen = (
    Requested
    | RequestFailed
    | Dispatched
    | Looked
    | LookFailed
    | TimePassed
    | StatusRead
    | AgentReported
    | JobExit
    | ReplacementDue
    | RoomFinished
    | RoomGone
    | CallFound
)


@dataclass(frozen=True)
class Log:
    """Write a line into the log; `job` is the job it is about, if it is about one."""

    level: int
    text: str
    job: str = ""


@dataclass(frozen=True)
class Note:
    """Put an event of the stage `dispatch` into the room's timeline."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class CreateDispatch:
    """Clear away what is left of earlier agents, and ask the LiveKit server for a new one."""

    metadata: str
    stale: tuple[str, ...]
    """Ids of dispatches whose agent will not come any more."""
    ghosts: tuple[str, ...]
    """Identities of agents that the server still shows although their job is over."""
    request: DispatchRequest | None
    """The request that is answered by it; None when the monitor dispatches again."""
    room_exists: bool


@dataclass(frozen=True)
class StartMonitor:
    """Watch the room until its agent is there; `at_once`: look without waiting for news."""

    at_once: bool = False


@dataclass(frozen=True)
class StopMonitor:
    """There is nothing left to watch."""


@dataclass(frozen=True)
class WakeMonitor:
    """Look at the room now, if it is watched."""


@dataclass(frozen=True)
class ReplaceAgent:
    """Send another agent, as soon as nobody else works on the room."""

    exit: JobExit


@dataclass(frozen=True)
class ConfirmRoomGone:
    """Ask the server whether the room is gone: its report may be late, and the room a new one."""


@dataclass(frozen=True)
class Reply:
    """Answer the request: a sentence, and the dispatch that brings or brought the agent."""

    message: str
    dispatch_id: str | None


@dataclass(frozen=True)
class Refuse:
    """Refuse the request: HTTP status, code for programs, sentence for people."""

    status: int
    code: str
    message: str
    retry_after: int | None = None


Effect = (
    Log
    | Note
    | CreateDispatch
    | StartMonitor
    | StopMonitor
    | WakeMonitor
    | ReplaceAgent
    | ConfirmRoomGone
    | Reply
    | Refuse
)
