"""What is said of one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.events import Stage

State = Literal["ok", "waiting", "failing", "not seen yet", "not told", "not reached"]
"""`ok` is proven, and the verdict's evidence is the proof. `waiting`: something went in, and what
must come out is due. `failing`: it did not come, or an error says so. `not seen yet`: nothing went
in that would have to come out, so nothing is proven either. `not told`: who would have to prove it
does not report. `not reached`: an earlier stage fails, or the call ended before."""

UNKNOWN = "unknown"
"""The cause of a failure that no rule knows."""


@dataclass(frozen=True)
class Evidence:
    """What proves a verdict, quoted: an event, a line of a log, what a process says of itself."""

    text: str
    source: str
    """`browser`, `proxy`, `agent`, `sfu`, `letta` for an event; else `NAME.log`, `status of NAME`,
    `probe of NAME` or `machine`."""
    at: float | None = None
    """Seconds since the epoch."""
    seq: int | None = None
    """The event's number in the timeline, when it is one."""


@dataclass(frozen=True)
class Verdict:
    """One stage: how it stands, and when it is not well why, and what to do.

    `cause` is a code such as `microphone-denied`; a stage that works can have one too, when it
    works worse than it could (`udp-closed`: sound goes by TCP). `since` is in seconds since the
    epoch, `ms` is how long the stage took the last time, `usual_ms` how long it takes usually.
    """

    stage: Stage
    state: State
    sentence: str
    cause: str = ""
    next: str = ""
    evidence: tuple[Evidence, ...] = ()
    since: float | None = None
    ms: float | None = None
    usual_ms: float | None = None
