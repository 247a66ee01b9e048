"""signal: the WebSocket between the page and the LiveKit server."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules
from proxy.verdicts.stages.token import is_expired, sfu_refusal
from proxy.verdicts.verdict import Verdict

SLOW_S = 4.3
BACK_S = 4.3
"""Seconds a lost connection may take to come back."""
STATUS = "./restart_voice_system.sh status"
BY_OTHERS = ("DUPLICATE_IDENTITY", "PARTICIPANT_REMOVED", "ROOM_DELETED", "ROOM_CLOSED")
"""Reasons for which a caller leaves that are not the caller's own doing."""
AGAIN = "Press Connect to try again."

stage = Rules(
    "signal",
    usual_ms=60,
    works=("signal.connected", "media.connected", "media.reconnected", "signal.participant_joined"),
    log="livekit",
)


@stage.cause("token-expired")
def token_expired(call: CallView) -> Verdict | None:
    found = sfu_refusal(call)
    if found is None or not is_expired(found, call):
        return None
    issued = call.last("token.issued")
    return stage.failing(
        "LiveKit refused the token because it has expired; one is good for ten minutes, and for "
        "one connection.",
        "Press Connect: it gets a new token. If a new one counts as expired too, the clocks "
        "differ: timedatectl set-ntp true.",
        found,
        issued,
        since=found.at,
    )


@stage.cause("url-scheme-wrong")
def scheme_wrong(call: CallView) -> Verdict | None:
    """A secure page may not open ws://; a server without TLS cannot answer wss://."""
    attempt = call.last("signal.failed") or call.last("signal.connecting")
    if attempt is None or call.after(attempt, *stage.works) is not None:
        return None
    asked = call.last("signal.connecting")
    page = call.last("token.page")
    url = str(attempt.data.get("url") or (asked.data.get("url") if asked else "") or "")
    secure = bool(attempt.data.get("page_secure")) or (
        page is not None and str(page.data.get("origin", "")).startswith("https:")
    )
    failed = attempt.name == "failed"
    blocked = call.after(asked, "signal.error")
    forbidden = blocked is not None and "SecurityError" in str(blocked.data.get("what"))
    # Not before the browser said so: Chromium lets 0.0.0.0 through, as if it were loopback.
    if url.startswith("ws:") and secure and (failed or forbidden) and not _loopback(url):
        return stage.failing(
            f"A page opened over https may not connect to {url}: browsers forbid it.",
            f"Set LIVEKIT_URL to {url.replace('ws:', 'wss:', 1)} (the server needs TLS), or open "
            "the page at http://localhost.",
            blocked if forbidden else None,
            attempt,
            page,
            since=attempt.at,
        )
    probe = call.probe("livekit address")
    mixed = probe is not None and probe.problem in ("scheme", "tls")
    plain = mixed or _loopback(url)
    known = mixed or (failed and plain and not _status(attempt))
    if url.startswith("wss:") and known:
        return stage.failing(
            f"The page was sent to {url}, but the server there speaks no TLS.",
            f"Set LIVEKIT_URL to {url.replace('wss:', 'ws:', 1)}, then ./restart_voice_system.sh "
            "and Connect again.",
            attempt,
            since=attempt.at,
        )
    return None


@stage.cause("identity-twice")
def identity_twice(call: CallView) -> Verdict | None:
    return _thrown_out(
        call,
        "DUPLICATE_IDENTITY",
        f"Somebody joined the room with the same identity as this caller{_identity(call)}, so the "
        "server sent the first one out.",
        "Close the other tab or program, or give each caller an identity of its own; then press "
        "Connect.",
    )


@stage.cause("kicked")
def kicked(call: CallView) -> Verdict | None:
    return _thrown_out(
        call,
        "PARTICIPANT_REMOVED",
        "The caller was removed from the room by somebody who has the server's key.",
        f"Who calls RemoveParticipant? {AGAIN}",
    )


@stage.cause("room-closed")
def room_closed(call: CallView) -> Verdict | None:
    for reason in ("ROOM_DELETED", "ROOM_CLOSED"):
        found = _thrown_out(
            call,
            reason,
            "The room was closed while the caller was in it "
            f"({reason}): somebody deleted it, or its time was over.",
            AGAIN,
        )
        if found is not None:
            return found
    return None


@stage.cause("server-shut-down")
def server_shut_down(call: CallView) -> Verdict | None:
    return _thrown_out(
        call,
        "SERVER_SHUTDOWN",
        "The LiveKit server was shut down during the call.",
        f"{STATUS} tells whether it is back. {AGAIN}",
    )


@stage.cause("server-forgot-call")
def server_forgot(call: CallView) -> Verdict | None:
    """A restarted server does not know the room; the page could not join it anew."""
    return _thrown_out(
        call,
        "STATE_MISMATCH",
        "The LiveKit server had forgotten this call when the connection came back; it was "
        "restarted.",
        AGAIN,
    )


@stage.cause("signal-lost")
def lost(call: CallView) -> Verdict | None:
    """The connection went away: for good, or for longer than it should."""
    for reason in ("SIGNAL_CLOSE", "CONNECTION_TIMEOUT", "JOIN_FAILURE", ""):
        found = _thrown_out(
            call,
            reason,
            f"The connection to LiveKit was lost and did not come back ({reason or 'no reason'}).",
            f"{STATUS} tells whether livekit runs; is the network there? {AGAIN}",
        )
        if found is not None:
            return found
    waits = stage.unresolved(call, "signal.reconnecting")
    if waits is None:
        return None
    age = call.age(waits)
    if age < BACK_S:
        return stage.waiting(
            "The connection to LiveKit is lost; the page connects again (usually within 3.5 s).",
            waits,
            since=waits.at,
        )
    return stage.late(
        f"The connection to LiveKit has been lost for {age:.0f} s; the page keeps trying.",
        f"{STATUS} tells whether livekit runs; else look at the network between page and server.",
        waits,
        since=waits.at,
    )


@stage.cause("signal-refused")
def refused(call: CallView) -> Verdict | None:
    """The server is not there, or did not let the page in."""
    failed = _failed(call)
    if failed is None or failed.data.get("reason") in ("Timeout", "Cancelled", "LeaveRequest"):
        return None
    status = _status(failed)
    answered = f"answered {status}" if status else "cannot be reached"
    url = failed.data.get("url") or "its address"
    said = failed.data.get("message") or failed.data.get("what") or "no reason given"
    return stage.failing(
        f"LiveKit at {url} {answered}: {said}.",
        f"{STATUS}: is livekit ready? A page on another machine needs a LIVEKIT_URL that it can "
        f"reach. {AGAIN}",
        failed,
        since=failed.at,
    )


@stage.cause("signal-no-answer")
def no_answer(call: CallView) -> Verdict | None:
    failed = _failed(call)
    if failed is not None and failed.data.get("reason") == "Timeout":
        return stage.failing(
            f"LiveKit at {failed.data.get('url') or 'its address'} did not answer in time.",
            f"{STATUS}: is livekit ready? Is a firewall or a proxy in the way? {AGAIN}",
            failed,
            since=failed.at,
        )
    asked = call.last("signal.connecting")
    if (
        asked is None
        or call.age(asked) < SLOW_S
        or call.after(asked, *stage.works, "signal.failed")
    ):
        return None
    return stage.late(
        f"LiveKit at {asked.data.get('url', 'its address')} has not answered for "
        f"{call.age(asked):.1f} s (usually 60 ms).",
        f"{STATUS}: is livekit ready? Is a firewall or a proxy in the way?",
        asked,
        since=asked.at,
    )


@stage.progress
def progress(call: CallView) -> Verdict:
    opened = call.last(*stage.works)
    asked = call.last("signal.connecting")
    if asked is not None and (opened is None or call.after(asked, *stage.works) is None):
        return stage.waiting(
            f"Connecting to {asked.data.get('url', 'LiveKit')}{stage.usually()}.",
            asked,
            since=asked.at,
        )
    if opened is not None:
        told = call.last("signal.connected") or opened
        return stage.ok("The signal connection is open.", told, ms=told.data.get("ms"))
    return stage.not_reached()


def _failed(call: CallView) -> Event | None:
    """The failed attempt to connect, unless the token was to blame or it worked since."""
    failed = stage.unresolved(call, "signal.failed")
    return None if failed is None or failed is sfu_refusal(call) else failed


def _thrown_out(call: CallView, reason: str, sentence: str, next: str) -> Verdict | None:
    """The server ended the connection for this reason, and nobody has asked for a token since."""
    found = _cut_off(call)
    if found is None or (found.data.get("reason") or "") != reason:
        return None
    if call.after(found, "token.requested", "token.issued") is not None:
        return None
    return stage.failing(
        sentence,
        next,
        found,
        call.last("signal.participant_left"),
        call.last("token.received"),
        since=found.at,
    )


def _cut_off(call: CallView) -> Event | None:
    """The page's news that it was cut off; of a caller without a page, the server's."""
    found = call.last("media.disconnected", intended=False)
    if found is not None or call.has_page:
        return found
    left = call.last("signal.participant_left")
    return left if left is not None and left.data.get("reason") in BY_OTHERS else None


def _identity(call: CallView) -> str:
    told = call.last("token.received", "token.issued", "signal.participant_joined")
    identity = told.data.get("identity") if told is not None else None
    return f" (“{identity}”)" if identity else ""


def _status(event: Event) -> int | None:
    status = event.data.get("status")
    return status if isinstance(status, int) and status > 0 else None


def _loopback(url: str) -> bool:
    host = url.partition("//")[2]
    return host.startswith(("localhost", "127.", "[::1]"))
