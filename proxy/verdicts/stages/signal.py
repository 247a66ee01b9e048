"""signal: the WebSocket between the page and the LiveKit server."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
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

stage.owes(
    Link(
        given="the page got its token",
        owed="it opened its connection to LiveKit",
        told_by="the page",
        within_s=SLOW_S + 1.0,
        doing="The page has its token.",
        since=("token.received",),
        by=("signal.connecting", *stage.works),
        unless=(
            "token.requested",
            "token.failed",
            "token.room_mismatch",
            "media.disconnected",
            "media.stats",  # another tab is in the call
        ),
        likely=("Did the page stop? Load it again; the browser's console (F12) may say why.",),
    ),
    Link(
        given="the page opened its connection to LiveKit",
        owed="it is in the room",
        told_by="the page; the SFU",
        within_s=SLOW_S + 1.0,
        doing="Connecting to {url}.",
        since=("signal.connecting",),
        by=stage.works,
        unless=("signal.failed", "token.failed", "media.disconnected"),
        likely=(f"Is livekit ready? {STATUS}", "Is a firewall or a proxy in the way?"),
        asks=("livekit",),
    ),
)


@stage.cause("token-expired")
def token_expired(call: CallView) -> Verdict | None:
    refusal = sfu_refusal(call)
    if refusal is None or not is_expired(refusal, call):
        return None
    issued = call.last("token.issued")
    return stage.failing(
        "LiveKit refused the token because it has expired; one is good for ten minutes, and for "
        "one connection.",
        "Press Connect: it gets a new token. If a new one counts as expired too, the clocks "
        "differ: timedatectl set-ntp true.",
        refusal,
        issued,
        since=refusal.at,
    )


@stage.cause("url-scheme-wrong")
def scheme_wrong(call: CallView) -> Verdict | None:
    """A secure page may not open ws://; a server without TLS cannot answer wss://."""
    attempt = call.last("signal.failed") or call.last("signal.connecting")
    if attempt is None or call.after(attempt, *stage.works) is not None:
        return None
    connecting = call.last("signal.connecting")
    page = call.last("token.page")
    url = str(attempt.data.get("url") or (connecting.data.get("url") if connecting else "") or "")
    secure = bool(attempt.data.get("page_secure")) or (
        page is not None and str(page.data.get("origin", "")).startswith("https:")
    )
    failed = attempt.name == "failed"
    blocked = call.after(connecting, "signal.error")
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


def cut_off_cause(code: str, reasons: tuple[str, ...], sentence: str, step: str) -> None:
    """Register that the server ended the connection for one of these reasons of LiveKit's.

    `sentence` may hold the {reason} and the caller's {identity}.
    """

    @stage.cause(code)
    def was_cut_off(call: CallView) -> Verdict | None:
        cut_off = _cut_off(call, *reasons)
        if cut_off is None:
            return None
        reason = cut_off.data.get("reason") or "no reason"
        return _ended(call, cut_off, sentence.format(reason=reason, identity=_identity(call)), step)


cut_off_cause(
    "identity-twice",
    ("DUPLICATE_IDENTITY",),
    "Somebody joined the room with the same identity as this caller{identity}, so the server sent "
    "the first one out.",
    "Close the other tab or program, or give each caller an identity of its own; then press "
    "Connect.",
)
cut_off_cause(
    "kicked",
    ("PARTICIPANT_REMOVED",),
    "The caller was removed from the room by somebody who has the server's key.",
    f"Who calls RemoveParticipant? {AGAIN}",
)
cut_off_cause(
    "room-closed",
    ("ROOM_DELETED", "ROOM_CLOSED"),
    "The room was closed while the caller was in it ({reason}): somebody deleted it, or its time "
    "was over.",
    AGAIN,
)
cut_off_cause(
    "server-shut-down",
    ("SERVER_SHUTDOWN",),
    "The LiveKit server was shut down during the call.",
    f"{STATUS} tells whether it is back. {AGAIN}",
)
cut_off_cause(
    "server-forgot-call",  # a restarted server does not know the room, and lets nobody join anew
    ("STATE_MISMATCH",),
    "The LiveKit server had forgotten this call when the connection came back; it was restarted.",
    AGAIN,
)


@stage.cause("signal-lost")
def lost(call: CallView) -> Verdict | None:
    """The connection went away: for good, or for longer than it should."""
    cut_off = _cut_off(call, "SIGNAL_CLOSE", "CONNECTION_TIMEOUT", "JOIN_FAILURE", "")
    if cut_off is not None:
        reason = cut_off.data.get("reason") or "no reason"
        return _ended(
            call,
            cut_off,
            f"The connection to LiveKit was lost and did not come back ({reason}).",
            f"{STATUS} tells whether livekit runs; is the network there? {AGAIN}",
        )
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
    reason = failed.data.get("message") or failed.data.get("what") or "no reason given"
    return stage.failing(
        f"LiveKit at {url} {answered}: {reason}.",
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
    connecting = call.last("signal.connecting")
    if (
        connecting is None
        or call.age(connecting) < SLOW_S
        or call.after(connecting, *stage.works, "signal.failed")
    ):
        return None
    return stage.late(
        f"LiveKit at {connecting.data.get('url', 'its address')} has not answered for "
        f"{call.age(connecting):.1f} s (usually 60 ms).",
        f"{STATUS}: is livekit ready? Is a firewall or a proxy in the way?",
        connecting,
        since=connecting.at,
    )


@stage.proof
def proof(call: CallView) -> Verdict | None:
    opened = call.last(*stage.works)
    if opened is None:
        return None
    news = call.last("signal.connected") or opened
    return stage.ok("The signal connection is open.", news, ms=news.data.get("ms"))


def _failed(call: CallView) -> Event | None:
    """The failed attempt to connect, unless the token was to blame or it worked since."""
    failed = stage.unresolved(call, "signal.failed")
    return None if failed is None or failed is sfu_refusal(call) else failed


def _cut_off(call: CallView, *reasons: str) -> Event | None:
    """The end of the connection by the server, for one of these reasons, without a new token since.

    The page reports it; of a caller without a page the server does.
    """
    cut_off = call.last("media.disconnected", intended=False)
    if cut_off is None and not call.has_page:
        left = call.last("signal.participant_left")
        cut_off = left if left is not None and left.data.get("reason") in BY_OTHERS else None
    if cut_off is None or (cut_off.data.get("reason") or "") not in reasons:
        return None
    return None if call.after(cut_off, "token.requested", "token.issued") else cut_off


def _ended(call: CallView, cut_off: Event, sentence: str, step: str) -> Verdict:
    left, token = call.last("signal.participant_left"), call.last("token.received")
    return stage.failing(sentence, step, cut_off, left, token, since=cut_off.at)


def _identity(call: CallView) -> str:
    news = call.last("token.received", "token.issued", "signal.participant_joined")
    identity = news.data.get("identity") if news is not None else None
    return f" (“{identity}”)" if identity else ""


def _status(event: Event) -> int | None:
    status = event.data.get("status")
    return status if isinstance(status, int) and status > 0 else None


def _loopback(url: str) -> bool:
    host = url.partition("//")[2]
    return host.startswith(("localhost", "127.", "[::1]"))
