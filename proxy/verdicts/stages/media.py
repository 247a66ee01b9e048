"""media: the path for sound (ICE, DTLS) between the page and the LiveKit server."""

from __future__ import annotations

from statistics import median

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.verdict import Verdict

SLOW_S = 4.3
UNANSWERED_S = 3.0
"""Seconds after which it is too late for a first answer from any address."""
LOST_S = 2.0
"""Seconds a path may be lost before it is called so: ICE is often back sooner."""
BACK_S = 4.3
SILENT_S = 2.0
"""Seconds without any packet after which a path is called lost; browsers say so after five."""
WINDOW = 5
"""Seconds of figures that are looked at."""
FEW = 3
LOSS_BAD, LOSS_NOTED, RTT_NOTED_MS = 0.15, 0.05, 400.0
AGAIN = "Then press Connect again."

stage = Rules(
    "media",
    usual_ms=60,
    works=("media.connected", "media.reconnected"),
    log="livekit",
)

stage.owes(
    Link(
        given="the page was in the room",
        owed="sound has a path (ICE and DTLS are connected)",
        told_by="the page; of a caller without a page the worker, when it hears speech",
        within_s=SLOW_S + 1.0,
        doing="Sound looks for a path to the server (ICE, DTLS).",
        since=("signal.connected",),
        by=stage.works,
        unless=("media.failed", "media.disconnected"),
        likely=("Are the media ports open? ./restart_voice_system.sh status",),
        asks=("livekit",),
    ),
)


@stage.cause("ice-blocked")
def ice_blocked(call: CallView) -> Verdict | None:
    """Signal works, but no path for sound was found."""
    opened = call.last("signal.connected")
    failed = stage.unresolved(call, "media.failed")
    if failed is None:
        dead = stage.unresolved(call, "media.ice", state="failed")
        gave_up = call.last("media.disconnected", reason="MEDIA_FAILURE")
        failed = gave_up or (dead if call.last("media.connected") is None else None)
    if failed is not None:
        return stage.failing(
            f"The server was reached, but sound found no path to it{_tried(call)}.",
            f"{_open_ports(call)} {AGAIN}",
            failed,
            call.last("media.ice"),
            since=failed.at,
        )
    unanswered = _unanswered(call)
    patience = UNANSWERED_S if unanswered else SLOW_S
    if opened is None or call.age(opened) < patience or _has_path(call, opened):
        return None
    # That nobody answers is no matter of a busy machine, slowness alone may be.
    verdict = stage.failing if unanswered else stage.late
    return verdict(
        f"Sound has looked for a path to the server for {call.age(opened):.1f} s (usually 60 ms)"
        f"{_tried(call)}.",
        f"{_open_ports(call)} {AGAIN}",
        call.last("media.ice"),
        opened,
        since=opened.at,
    )


@stage.cause("media-lost")
def lost(call: CallView) -> Verdict | None:
    """There was a path, and it is gone."""
    if call.last("media.connected") is None:
        return None
    broken = _broken(call)
    waits = stage.unresolved(call, "media.reconnecting")
    if broken is None and waits is None:
        return _silent(call)
    losses = [event for event in (broken, waits) if event is not None]
    since = min(losses, key=lambda event: event.at)
    age = call.age(since)
    limit = LOST_S if broken is not None else BACK_S
    if age < limit:
        return stage.waiting(
            "The path for sound is lost; the page looks for another (usually within 2 s).",
            since,
            since=since.at,
        )
    return stage.failing(
        f"The path for sound has been lost for {age:.0f} s.",
        "Is the network there (cable, Wi-Fi, VPN)? The page keeps trying by itself; "
        "./restart_voice_system.sh status tells whether livekit runs.",
        broken,
        waits,
        since=since.at,
    )


@stage.cause("poor-network")
def poor_network(call: CallView) -> Verdict | None:
    figures = _figures(call)
    if len(figures) < FEW:
        return None
    loss_in, loss_out = _median(figures, "loss_in"), _median(figures, "loss_out")
    rtt, jitter = _median(figures, "rtt_ms"), _median(figures, "jitter_ms")
    loss = max(loss_in, loss_out)
    if loss < LOSS_NOTED and rtt < RTT_NOTED_MS:
        return None
    sentence = (
        f"The network is poor: {loss_in:.0%} of the packets to the page and {loss_out:.0%} of "
        f"those from it are lost, {rtt:.0f} ms there and back, jitter {jitter:.0f} ms."
    )
    step = "Use a cable or a nearer access point, leave the VPN, or stop other uploads."
    if loss >= LOSS_BAD:
        return stage.failing(sentence, step, figures[-1], figures[0], since=figures[0].at)
    return stage.ok(sentence, figures[-1], next=step, since=figures[0].at)


@stage.cause("udp-closed")
def udp_closed(call: CallView) -> Verdict | None:
    """Sound goes by TCP, which stutters when packets are lost."""
    pair = _pair(call)
    if pair is None or pair.data.get("protocol") != "tcp":
        return None
    return stage.ok(
        f"Sound goes by TCP ({pair.data.get('local', '?')} → {pair.data.get('remote', '?')}), for "
        "UDP found no path; it may stutter when packets are lost.",
        pair,
        next=f"Open UDP port {call.health.media_udp_port} (LIVEKIT_UDP_PORT) of the LiveKit server "
        "to the page.",
        since=pair.at,
    )


@stage.cause("tcp-closed")
def tcp_closed(call: CallView) -> Verdict | None:
    """Sound goes by UDP; the way that remains where UDP is closed is not there."""
    pair, probe = _pair(call), call.probe("media over TCP")
    if pair is None or pair.data.get("protocol") != "udp" or probe is None or probe.ok:
        return None
    return stage.ok(
        f"Sound goes by UDP. TCP to the server's media port ({probe.target}) is closed "
        f"({probe.problem}), so a page that cannot use UDP would find no path.",
        pair,
        quote.probe(probe),
        next=f"Open TCP port {probe.target.rpartition(':')[2]} (LIVEKIT_TCP_PORT) of the LiveKit "
        "server.",
        since=probe.at,
    )


@stage.proof
def proof(call: CallView) -> Verdict | None:
    path = call.last(*stage.works)
    if path is not None:
        pair = _pair(call)
        by = f" by {str(pair.data.get('protocol', '')).upper()}" if pair is not None else ""
        return stage.ok(f"Sound has a path to the server{by}.", path, pair, ms=path.data.get("ms"))
    if call.has_page:
        return None
    heard = call.last("hear.speech_started")
    if heard is not None:
        return stage.ok("The agent hears the caller, so sound has a path.", heard)
    published = call.last("hear.track_published")
    if published is None:
        return None
    return stage.not_seen("The caller's sound is published; it was not heard yet.", published)


def _silent(call: CallView) -> Verdict | None:
    """The browser still believes in the path, but nothing comes by it."""
    figures = _figures(call)
    silent = figures[-1].data.get("silent_s") if figures else None
    if not isinstance(silent, int | float) or silent < SILENT_S:
        return None
    return stage.waiting(
        f"Nothing has come from the server for {silent:.0f} s: the path for sound may be lost.",
        figures[-1],
        next="Is the network there (cable, Wi-Fi, VPN)? The page finds another path by itself.",
        since=figures[-1].at - silent,
    )


def _has_path(call: CallView, opened: Event) -> bool:
    """Whether there is, or was, a path since the signal connection opened."""
    return call.after(opened, *stage.works) is not None


def _broken(call: CallView) -> Event | None:
    """The side of the connection whose path is lost now."""
    for side in ("publisher", "subscriber"):
        state = call.last("media.ice", transport=side)
        if (
            state is not None
            and state.data.get("state") in ("disconnected", "failed")
            and call.after(state, *stage.works) is None
        ):
            return state
    return None


def _pair(call: CallView) -> Event | None:
    """The path in use: the publisher's when there is one, since it carries the microphone."""
    return call.last("media.candidate_pair", transport="publisher") or call.last(
        "media.candidate_pair"
    )


def _figures(call: CallView) -> list[Event]:
    """The figures of the last seconds."""
    return call.all("media.stats", since=call.now - WINDOW - 1)[-WINDOW:]


def _median(figures: list[Event], name: str) -> float:
    values = [value for event in figures if isinstance(value := event.data.get(name), int | float)]
    return median(values) if values else 0.0


def _open_ports(call: CallView) -> str:
    udp, tcp = call.health.media_udp_port, call.health.media_tcp_port
    return (
        f"Open one of the media ports of the LiveKit server to the page: UDP {udp} "
        f"(LIVEKIT_UDP_PORT) or TCP {tcp} (LIVEKIT_TCP_PORT); a firewall or a VPN may close them."
    )


def _unanswered(call: CallView) -> bool:
    """Whether the browser has tried addresses of the server, and none of them answered."""
    state = call.last("media.ice")
    search = state.data.get("search") if state is not None else None
    return isinstance(search, dict) and bool(search.get("tried")) and search.get("answered") == 0


def _tried(call: CallView) -> str:
    """What the browser tried, as far as it told."""
    state = call.last("media.ice")
    if state is None:
        return ""
    search = state.data.get("search")
    tried = ""
    if isinstance(search, dict):
        offered = search.get("addresses") or search.get("remote") or {}
        server = ", ".join(map(str, offered)) or "none"
        tried = (
            f"; {search.get('pairs', 0)} pairs of addresses tried, {search.get('answered', 0)} "
            f"answered; addresses of the server: {server}"
        )
    return f" (ICE is {state.data.get('state')}{tried})"
