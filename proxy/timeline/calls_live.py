"""The calls in memory, and which of them an event belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from common.events import Event
from proxy.timeline.call import CallRecord
from proxy.verdicts.history import History

LEAD_S = 10.0
"""An event may have happened this long before the first one that was taken of its call."""
LATE_S = 120.0
"""For this long after the end of a call, what happens in its room belongs to it, unless another
has begun."""
FRESH_S = 60.0
"""An event older than this may belong to a call that is only in the database."""
SILENCE_S = 600.0
"""A call of which nothing is heard for this long has ended."""
TOKEN_S = 2.0
"""A token tells in whole seconds when it was issued."""
ABANDONED_S = 30.0
"""A new token ends a call with nobody in the room of which nothing was heard for this long."""
REMEMBERED_S = 60.0
"""How long a call that has ended stays in memory."""
CALLS_MAX = 200

BEGINNINGS = frozenset(
    {"token.requested", "token.issued", "token.refused", "token.page", "signal.room_started"}
)
JOB_BEGINNINGS = frozenset({"job.accepted", "job.handshake_start", "job.job"})
LEAVINGS = frozenset({"join.participant_left", "signal.participant_left"})


class LiveCalls:
    """The open calls, and those that have just ended; by room, the oldest first."""

    def __init__(self) -> None:
        self._rooms: dict[str, list[CallRecord]] = {}

    def __iter__(self) -> Iterator[CallRecord]:
        return (call for calls in list(self._rooms.values()) for call in list(calls))

    def current(self, room: str) -> CallRecord | None:
        """The open call of the room."""
        calls = self._rooms.get(room)
        return calls[-1] if calls and calls[-1].open else None

    def newest(self, room: str) -> CallRecord | None:
        calls = self._rooms.get(room)
        return calls[-1] if calls else None

    def arrivals(self, room: str) -> list[tuple[str, Event]]:
        """All events in memory of a room, by `seq`, each with the id of its call."""
        events = [(call.id, event) for call in self._rooms.get(room, ()) for event in call.arrivals]
        return sorted(events, key=lambda pair: pair[1].seq)

    def find(self, call_id: str) -> CallRecord | None:
        return next((call for call in self if call.id == call_id), None)

    def install(self, call: CallRecord) -> None:
        """Take a call into its room's place by its time."""
        calls = self._rooms.setdefault(call.room, [])
        calls.append(call)
        calls.sort(key=lambda other: other.started)

    def resume(self, stored: CallRecord) -> None:
        """Go on with an open call of the database, together with what came in since we started."""
        call = self.newest(stored.room)
        if call is None:
            self.install(stored)
            return
        if not call.open:
            return
        since = [event for event in call.arrivals if event.key not in stored.keys]
        call.id, call.started = stored.id, min(stored.started, call.started)
        call.arrivals, call.history, call.turns = [], History(), 0
        call.callers, call.present = set(), set()
        for event in [*stored.arrivals, *since]:
            call.add(event)

    def forget(self, call: CallRecord) -> None:
        calls = self._rooms.get(call.room, [])
        if call in calls:
            calls.remove(call)
        if not calls:
            self._rooms.pop(call.room, None)

    def of_token(self, room: str, identity: str, issued: float) -> CallRecord | None:
        """The call in memory for which this caller's token was issued, whatever its clock says."""
        for call in reversed(self._rooms.get(room, [])):
            call_issued = call.identities.get(identity)
            if call_issued is not None and call_issued <= issued + TOKEN_S:
                return call
        return None

    def place(self, event: Event, now: float) -> CallRecord | None:
        """The call in memory to which `event` belongs; None when it belongs to none of them."""
        calls = self._rooms.get(event.room, [])
        for index in range(len(calls) - 1, -1, -1):
            call = calls[index]
            following = calls[index + 1] if index + 1 < len(calls) else None
            if event.at < call.started:
                continue
            if _is_of_the_one_before(event, call) and index and _lasts(calls[index - 1], event):
                return calls[index - 1]
            if call.open:
                return None if _begins_anew(event, call) else call
            if event.at <= (call.ended or 0.0):
                return call
            if following is not None and event.at >= following.started - LEAD_S:
                return following if event.topic in BEGINNINGS else call
            return call if _lasts(call, event) and event.topic not in BEGINNINGS else None
        if calls and event.at >= calls[0].started - LEAD_S:
            return calls[0]
        # Older than all: what the database has of that time is asked first.
        return calls[0] if calls and event.at > now - FRESH_S else None

    def outdated(self, now: float) -> tuple[list[CallRecord], list[CallRecord]]:
        """Open calls that have ended in silence, and ended ones that may be forgotten.

        `now` is of the monotonic clock.
        """
        open_calls = sorted((call for call in self if call.open), key=lambda call: call.heard_at)
        too_many = max(0, len(open_calls) - CALLS_MAX)
        silent = [
            call
            for index, call in enumerate(open_calls)
            if index < too_many or now - call.heard_at > SILENCE_S
        ]
        forgotten = [
            call
            for call in self
            if call.ended_at is not None and now - max(call.ended_at, call.heard_at) > REMEMBERED_S
        ]
        return silent, forgotten

    def ending_before(self, event: Event) -> CallRecord | None:
        """The open call that `event` ends because it begins another one."""
        call = self.current(event.room)
        return call if call is not None and _begins_anew(event, call) else None


def _begins_anew(event: Event, call: CallRecord) -> bool:
    """Whether somebody asks for a token after the people of `call` have gone.

    The SFU keeps an empty room for some time, so its end alone does not divide two calls.
    """
    if event.topic not in ("token.requested", "token.issued") or event.at < call.last_at:
        return False
    if call.callers:
        return False
    hung_up = call.history.last("media.disconnected", intended=True)
    connected_since = hung_up is not None and call.history.after(hung_up, "media.connected")
    quiet = event.at - call.last_at > ABANDONED_S
    return quiet or (hung_up is not None and not connected_since)


def _is_of_the_one_before(event: Event, call: CallRecord) -> bool:
    """Whether an event in the time of `call` is the end of what the call before it began."""
    if event.topic in LEAVINGS:
        return str(event.data.get("identity")) not in call.present
    if event.source != "agent" or event.topic in JOB_BEGINNINGS:
        return False
    return call.history.first("dispatch.made", *JOB_BEGINNINGS) is None


def _lasts(call: CallRecord, event: Event) -> bool:
    return call.ended is not None and event.at <= call.ended + LATE_S
