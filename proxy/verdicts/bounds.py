"""Where in a room's history the call begins that is going on, and where it ends.

A room may see a call after a call: each begins with a token after the one before it was over. A
call is over when its caller hung up or was cut off, when the last caller left the server, or with
the room; but not while another tab still reports from it.
"""

from __future__ import annotations

from proxy.timeline.event import Event
from proxy.verdicts.history import History, Order, order

BEGINS = ("token.requested", "token.issued")
OVER = ("media.disconnected", "signal.room_finished")
GIVEN_UP = ("token.failed", "token.refused", "signal.failed", "media.failed")
"""The page gives a call up before it has begun; Connect begins another."""
ALIVE = ("media.stats", "media.connected", "media.reconnected", "signal.connected")


def beginning(history: History) -> Order | None:
    """The place from which events belong to the call of now; None: from the first."""
    token = history.last(*BEGINS)
    if token is None:
        return None
    over = history.last(*OVER, *GIVEN_UP, until=order(token))
    left = _callers_gone(history, until=order(token))
    if left is not None and (over is None or order(left) > order(over)):
        over = left
    if over is None or history.last(*ALIVE, since=order(over), until=order(token)) not in (
        None,
        over,
    ):
        return None
    first = history.first(*BEGINS, since=order(over))
    return order(first) if first is not None else None


def ending(history: History, began: Order | None) -> Event | None:
    """The event that ended the call; None while it goes on."""
    over = history.last(*OVER, since=began)
    left = _callers_gone(history)
    if left is not None and (began is None or order(left) > began):
        waits = history.last("signal.reconnecting", "media.reconnecting", since=began)
        back = history.last("media.reconnected", since=began)
        reconnects = waits is not None and (back is None or order(back) < order(waits))
        if (over is None or order(left) < order(over)) and not reconnects:
            over = left
    if over is None or over.topic == "signal.room_finished":
        return over
    again = history.last(*ALIVE, *BEGINS, source=None, since=order(over))
    return over if again is None or again is over else None


def _callers_gone(history: History, until: Order | None = None) -> Event | None:
    """The leaving of the last caller, when the server reported that nobody is left."""
    left = history.last("signal.participant_left", until=until)
    if left is None:
        return None
    came = history.last("signal.participant_joined", until=until)
    if came is not None and order(came) > order(left):
        return None
    present = {
        event.data.get("identity")
        for event in history.all("signal.participant_joined")
        if until is None or order(event) <= until
    }
    for event in history.all("signal.participant_left"):
        if until is None or order(event) <= until:
            present.discard(event.data.get("identity"))
    return None if present else left
