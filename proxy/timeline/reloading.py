"""Calls read back from the database: after a restart, or for an event that arrives late."""

from __future__ import annotations

import time
from typing import Any

from common.events import Event
from proxy.timeline.call import Call
from proxy.timeline.live import Live
from proxy.verdicts.history import History


def reloaded(row: dict[str, Any], events: list[Event]) -> Call:
    """The call of a row and its events, as it was in memory."""
    call = Call(row["room"], row["started"], id=row["id"])
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


def adopt(live: Live, call: Call) -> None:
    """Go on with an open call of the database, together with what came in since we started."""
    begun = live.newest(call.room)
    if begun is None:
        live.install(call)
        return
    if not begun.open:
        return
    since = [event for event in begun.arrivals if event.key not in call.keys]
    begun.id, begun.started = call.id, min(call.started, begun.started)
    known = [event for event in call.arrivals if event.key not in begun.keys]
    begun.arrivals = []
    begun.history = History()
    begun.turns = 0
    begun.callers, begun.present = set(), set()
    for event in [*known, *since]:
        begun.add(event)
