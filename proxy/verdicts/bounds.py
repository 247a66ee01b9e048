"""Where in a room's history the call begins that is going on, and where it ends.

A room may see a call after a call: each begins with a token after the one before it was over. A
call is over when its page hung up or was cut off, when the last caller left the server, or with
the room; but not while another tab still reports from it. The page's clock may differ from the
server's, so what one of them says is compared with nothing but its own.
"""

from __future__ import annotations

from collections.abc import Callable

from common.events import Event
from proxy.verdicts.history import History, Order, order

PAGE_OVER = ("media.disconnected", "token.failed", "signal.failed", "media.failed")
"""A page has hung up, was cut off, or gave up before the call had begun."""
PAGE_LIVES = ("media.stats", "media.connected", "media.reconnected", "signal.connected")

_Over = Callable[[History, Order], Event | None]


def beginning(history: History) -> Order | None:
    """The place from which events belong to the call of now; None: from the first."""
    by_page = _begins(history, "token.requested", _page_over)
    by_proxy = _begins(history, "token.issued", _server_over)
    both = [order(event) for event in (by_page, by_proxy) if event is not None]
    if by_page is None and history.last("token.requested") is not None:
        return None  # another tab has come into a call that goes on
    return min(both, default=None)


def ending(history: History, began: Order | None) -> Event | None:
    """The event that ended the call; None while it goes on.

    The room ends some time after its last caller has left: what happens in between is the end of
    the agent's work, not trouble in the call.
    """
    page, server = history.last("media.disconnected", since=began), _callers_gone(history)
    if page is not None and _again(history, page, "token.requested", *PAGE_LIVES):
        return None
    if server is not None and (began is None or order(server) > began):
        lost = history.last("signal.reconnecting", "media.reconnecting", since=began)
        comes_back = lost is not None and not _again(history, lost, *PAGE_OVER, *PAGE_LIVES)
        if not comes_back and not _again(history, server, "token.issued"):
            # The page tells why it was cut off; who cut it off may have left before.
            if page is not None and page.data.get("intended") is False:
                return max(server, page, key=order)
            return server
    return page or history.last("signal.room_finished", since=began)


def _begins(history: History, token: str, over: _Over) -> Event | None:
    """The first such token since the last call was over; None when none has been over before."""
    last = history.last(token)
    if last is None:
        return None
    end = over(history, order(last))
    if end is None:
        return None
    return history.first(token, since=order(end))


def _page_over(history: History, until: Order) -> Event | None:
    """The end of what the last page reported, unless another one went on reporting."""
    over = history.last(*PAGE_OVER, until=until)
    if over is None:
        return None
    lives = history.last(*PAGE_LIVES, since=order(over), until=until)
    return over if lives is None else None


def _server_over(history: History, until: Order) -> Event | None:
    """The leaving of the last caller, or the end of the room."""
    gone = _callers_gone(history, until)
    finished = history.last("signal.room_finished", until=until)
    ends = [event for event in (gone, finished) if event is not None]
    return max(ends, key=order, default=None)


def _callers_gone(history: History, until: Order | None = None) -> Event | None:
    """The leaving of the last caller, when nobody has come since."""
    over = history.last("signal.participant_left", until=until)
    if over is None:
        return None
    came = history.last("signal.participant_joined", until=until)
    if came is not None and order(came) > order(over):
        return None
    present: set[object] = set()
    for event in history.all("signal.participant_joined", "signal.participant_left"):
        if until is not None and order(event) > until:
            break
        if event.name == "participant_joined":
            present.add(event.data.get("identity"))
        else:
            present.discard(event.data.get("identity"))
    return None if present else over


def _again(history: History, over: Event, *topics: str) -> bool:
    """Whether any of these happened after that."""
    latest = history.last(*topics, since=order(over))
    return latest is not None and latest is not over
