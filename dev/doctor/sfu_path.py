"""The way to the SFU, step by step: name, connection, clock, WebSocket, media over UDP and TCP.

The doctor goes it with our own key; of a deployment it is gone with a token that its proxy gives.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

import aiohttp
from livekit import api

from common.probe import ROOM_PREFIX, Finding, Probe, ProbeAnswer, ProbeFailed, State, flat, run
from dev.doctor.signalling import Candidate, JoinRefused, joined, media_answers
from proxy.clients.outside import FAILURES, in_words
from proxy.probes.question import new_session, trouble_with_name
from proxy.settings import ProxySettings

STEP_LIMIT_S = 2.0
JOIN_LIMIT_S = 4.0
MEDIA_LIMIT_S = 2.0
CLOCK_WARN_S, CLOCK_FAIL_S = 5.0, 60.0
"""The Date header counts whole seconds; a token is refused when the clocks are a minute apart."""
START = "./restart_voice_system.sh livekit, or correct LIVEKIT_URL"
NAME, CONNECTION, CLOCK = "SFU name (DNS)", "SFU connection (TCP)", "clock against the SFU"
WEBSOCKET = "SFU WebSocket"


async def check(settings: ProxySettings) -> list[Finding]:
    """All steps; those after one that fails are skipped."""
    async with new_session() as session:
        asks = (
            (NAME, partial(_name, settings), (), "correct LIVEKIT_URL, or this machine's DNS"),
            (CONNECTION, partial(_connection, settings), (NAME,), START),
            (CLOCK, partial(_clock, session, settings), (CONNECTION,), ""),
            (WEBSOCKET, partial(_own_join, session, settings), (CONNECTION,), START),
        )
        steps = [
            Probe[ProbeAnswer](name, ask, "network", needs, next=advice)
            for name, ask, needs, advice in asks
        ]
        return flat(await run(steps))


async def join(
    session: aiohttp.ClientSession, url: str, token: str, what: str = WEBSOCKET
) -> list[Finding]:
    """Be in the room of `token` for a moment: the SFU's welcome, named `what`, and whether each way
    for sound that it offers is open. `ProbeFailed` when it does not let us in."""
    try:
        async with joined(session, url, token, JOIN_LIMIT_S) as room:
            detail = f"joined a room of livekit-server {room.server}"
            welcome = Finding("network", what, "ok", detail, ms=room.ms)
            return [welcome, *await _media(room.candidates)]
    except JoinRefused as error:
        raise ProbeFailed(
            str(error), "LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be those of this server"
        ) from None
    except FAILURES as error:
        raise ProbeFailed(f"{url}: {in_words(error)}") from None


async def delete_room(settings: ProxySettings, url: str, room: str) -> None:
    """Delete a room with our own key; `api.ServerError` or one of `FAILURES` when that does not
    work."""
    assert settings.livekit_credentials is not None
    async with (
        asyncio.timeout(STEP_LIMIT_S),
        api.LiveKitAPI(url, *settings.livekit_credentials) as server,
    ):
        await server.room.delete_room(api.DeleteRoomRequest(room=room))


def _place(settings: ProxySettings) -> tuple[str, int]:
    address = urlsplit(settings.livekit_http_url)
    return address.hostname or "", address.port or (443 if address.scheme == "https" else 80)


async def _name(settings: ProxySettings) -> str:
    host, _ = _place(settings)
    if trouble := await trouble_with_name(host, STEP_LIMIT_S):
        raise ProbeFailed(trouble)
    addresses = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return f"{host} is {', '.join(sorted({str(address[4][0]) for address in addresses}))}"


async def _connection(settings: ProxySettings) -> str:
    host, port = _place(settings)
    try:
        async with asyncio.timeout(STEP_LIMIT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except TimeoutError:
        detail = f"{host}:{port} does not answer within {STEP_LIMIT_S:g} s: a firewall, or nobody"
        raise ProbeFailed(detail) from None
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError) or "refused" in str(error).lower()
        why = "refuses the connection: nothing listens there" if refused else f"{error}"
        raise ProbeFailed(f"{host}:{port} {why}") from None
    return f"{host}:{port}"


async def _clock(session: aiohttp.ClientSession, settings: ProxySettings) -> str:
    began = time.time()
    try:
        async with session.get(
            settings.livekit_http_url, timeout=aiohttp.ClientTimeout(total=STEP_LIMIT_S)
        ) as response:
            theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except FAILURES as error:
        raise ProbeFailed(in_words(error), state="skip") from None
    except (ValueError, TypeError):
        raise ProbeFailed("the SFU sends no Date", state="skip") from None
    # Its second began at some moment up to now, and may have been cut by up to one second.
    off = began - theirs if began < theirs else max(0.0, time.time() - theirs - 1)
    if abs(off) < CLOCK_WARN_S:
        return "no difference that matters"
    raise ProbeFailed(
        f"this machine is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}",
        "set the clock (timedatectl set-ntp true): tokens are good for minutes only",
        "fail" if abs(off) >= CLOCK_FAIL_S else "warn",
    )


async def _own_join(session: aiohttp.ClientSession, settings: ProxySettings) -> list[Finding]:
    if settings.livekit_credentials is None:
        why = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set (the first start makes them)"
        raise ProbeFailed(why, state="skip")
    room = f"{ROOM_PREFIX}{secrets.token_hex(4)}"
    grants = api.VideoGrants(room_join=True, room=room, can_publish=False, hidden=True)
    token = api.AccessToken(*settings.livekit_credentials).with_identity("doctor")
    token = token.with_grants(grants).with_ttl(timedelta(minutes=1))
    try:
        return await join(session, settings.livekit_url, token.to_jwt())
    finally:
        with contextlib.suppress(api.ServerError, TimeoutError, *FAILURES):  # it was not made
            await delete_room(settings, settings.livekit_url, room)


async def _media(candidates: list[Candidate]) -> list[Finding]:
    """Each way for sound that the SFU offers, tried at once. One that works is enough for a
    call."""
    if not candidates:
        return [_media_finding("UDP and TCP", "fail", "the SFU offers no address for media")]
    answers = await asyncio.gather(*(_media_answer(candidate) for candidate in candidates))
    ways = list(zip(candidates, answers, strict=True))
    works = any(isinstance(answer, float) for answer in answers)
    findings = []
    for protocol in ("udp", "tcp"):
        what = protocol.upper()
        of_protocol = [way for way in ways if way[0].protocol == protocol]
        if not of_protocol:
            if protocol == "udp":
                findings.append(_media_finding(what, "warn", "the SFU offers none"))
            continue
        open_ways = [(ms, way) for way, ms in of_protocol if isinstance(ms, float)]
        if open_ways:
            ms, fastest = min(open_ways, key=lambda open_way: open_way[0])
            detail = f"{fastest.place} answers to ICE"
            findings.append(Finding("network", f"media over {what}", "ok", detail, ms=ms))
        else:
            detail = "; ".join(f"{candidate.place} {why}" for candidate, why in of_protocol)
            findings.append(_media_finding(what, "warn" if works else "fail", detail))
    return findings


def _media_finding(what: str, state: State, detail: str) -> Finding:
    if state == "warn" and what == "UDP":
        next_step = "sound goes by TCP, which stutters when packets are lost: open the UDP port"
    elif state == "warn":
        next_step = "sound goes by UDP; a network without UDP would need the TCP port"
    else:
        next_step = "open LIVEKIT_UDP_PORT or LIVEKIT_TCP_PORT in the firewall, or a TURN server"
    return Finding("network", f"media over {what}", state, detail, next_step)


async def _media_answer(candidate: Candidate) -> float | str:
    """Milliseconds until it answered, or why it did not."""
    try:
        return await media_answers(candidate, MEDIA_LIMIT_S)
    except TimeoutError:
        return f"does not answer within {MEDIA_LIMIT_S:g} s"
    except ConnectionRefusedError:
        return "refuses: nothing listens there"
    except OSError as error:
        return f"fails: {error.strerror or error}"
