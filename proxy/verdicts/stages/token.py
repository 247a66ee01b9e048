"""token: the caller's way into one room, which the proxy signs."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.verdict import Verdict

SLOW_S = 4.0
CLOCK_S = 5.0
"""A page's clock that differs by less does no harm."""
GOT_PAST = ("signal.connected", "media.connected", "signal.participant_joined")

stage = Rules(
    "token",
    usual_ms=20,
    works=("token.received", "token.issued", *GOT_PAST),
    log="proxy",
    explained_elsewhere=lambda call, event: event is sfu_refusal(call),
)

stage.owes(
    Link(
        given="the page asked for a token",
        owed="it has one",
        told_by="the page; the proxy, which signs it; the SFU, which lets its bearer in",
        within_s=SLOW_S,
        doing="The page waits for its token.",
        since=("token.requested",),
        by=("token.received", *GOT_PAST),
        unless=("token.failed", "token.refused"),
        likely=(
            "Does the proxy answer? ./restart_voice_system.sh status, and the log: "
            "./restart_voice_system.sh logs proxy",
        ),
        asks=("proxy",),
    ),
)


@stage.cause("token-room-mismatch")
def room_mismatch(call: CallView) -> Verdict | None:
    """The page read in its token that it is for another room than the one it wants."""
    mismatch = call.last("token.room_mismatch")
    if mismatch is None or call.after(mismatch, *GOT_PAST) is not None:
        return None
    room, token_room = mismatch.data.get("wanted"), mismatch.data.get("token_room")
    return stage.failing(
        f"The token is for room “{token_room}”, but the page wants to enter “{room}”.",
        f'Ask for a token with {{"room": "{room}"}}: press Connect again. A token made '
        "elsewhere must have this room in its video grant.",
        mismatch,
        call.last("token.issued"),
        since=mismatch.at,
    )


@stage.cause("token-refused")
def refused(call: CallView) -> Verdict | None:
    """LiveKit, or the proxy, refused: not because the token was too old (that is `signal`)."""
    by_proxy = stage.unresolved(call, "token.refused")
    by_sfu = sfu_refusal(call)
    if by_sfu is not None and not is_expired(by_sfu, call):
        reason = by_sfu.data.get("message") or by_sfu.data.get("what") or "no reason given"
        return stage.failing(
            f"LiveKit refused the token (status {by_sfu.data.get('status', 401)}: {reason}).",
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET of the proxy must be those of the LiveKit "
            "server: set them in .env, then ./restart_voice_system.sh and Connect again.",
            by_sfu,
            since=by_sfu.at,
        )
    if by_proxy is not None:
        return stage.failing(
            f"The proxy gave no token: {by_proxy.data.get('message') or by_proxy.data.get('code')}",
            str(by_proxy.data.get("next") or "Mend what it says, then press Connect again."),
            by_proxy,
            since=by_proxy.at,
        )
    return None


@stage.cause("clock-differs")
def clock_differs(call: CallView) -> Verdict | None:
    """The page's clock is far from the proxy's: times in the timeline do not fit together."""
    behind = call.clock_difference
    if abs(behind) < CLOCK_S:
        return None
    return stage.ok(
        f"The page's clock is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} the "
        "proxy's; a token may count as expired, and times in the timeline do not fit together.",
        call.last("token.issued"),
        call.last("token.received"),
        next="Set both clocks by the network (timedatectl set-ntp true).",
    )


@stage.proof
def proof(call: CallView) -> Verdict | None:
    issued = call.last("token.received", "token.issued")
    if issued is not None:
        token = call.last("token.received") or issued
        return stage.ok(
            f"A token for {token.data.get('identity', 'the caller')}.",
            issued,
            ms=token.data.get("ms"),
        )
    past = call.last(*GOT_PAST)
    return None if past is None else stage.ok("The caller has a token.", past)


def sfu_refusal(call: CallView) -> Event | None:
    """LiveKit's refusal of a token, unless the caller got in since."""
    for topic in ("token.failed", "signal.failed"):
        failure = call.last(topic)
        if failure is None or call.after(failure, *GOT_PAST) is not None:
            continue
        if failure.data.get("reason") == "NotAllowed" or failure.data.get("status") in (401, 403):
            return failure
    return None


def is_expired(refusal: Event, call: CallView) -> bool:
    """Whether it was refused because it is too old."""
    text = f"{refusal.data.get('message', '')} {refusal.data.get('what', '')}".lower()
    if "expire" in text and "may have expired" not in text:
        return True
    issued = call.last("token.issued")
    expires = issued.data.get("expires_at") if issued is not None else None
    return isinstance(expires, int | float) and expires <= refusal.at
