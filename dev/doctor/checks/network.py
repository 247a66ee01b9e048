"""The way to the SFU, step by step: name, connection, clock, WebSocket, media over UDP and TCP."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from livekit import api

from common.probe import ROOM_PREFIX
from dev.doctor import stun
from dev.doctor.finding import Finding, State
from dev.doctor.signalling import Joined, JoinRefused, joined
from dev.doctor.stun import Candidate
from dev.doctor.surroundings import Surroundings
from proxy.outside import FAILURES, in_words
from proxy.probes.question import new_session, trouble_with_name
from proxy.settings import ProxySettings

STEP_LIMIT_S = 2.0
JOIN_LIMIT_S = 4.0
MEDIA_LIMIT_S = 2.0
CLOCK_WARN_S, CLOCK_FAIL_S = 5.0, 60.0
"""The Date header counts whole seconds; a token is refused when the clocks are a minute apart."""
START = "./restart_voice_system.sh livekit, or correct LIVEKIT_URL"


async def check(around: Surroundings) -> list[Finding]:
    settings = around.settings
    address = urlsplit(settings.livekit_http_url)
    host = address.hostname or ""
    port = address.port or (443 if address.scheme == "https" else 80)
    name = await _name(host)
    if name.state == "fail":
        return [name, _skipped("connection, WebSocket, media", "the name is unknown")]
    connection = await _connection(host, port)
    if connection.state == "fail":
        return [name, connection, _skipped("clock, WebSocket, media", "there is no connection")]
    async with new_session() as session:
        clock, join = await asyncio.gather(_clock(session, settings), _join(session, settings))
        return [name, connection, clock, *join]


async def _name(host: str) -> Finding:
    began = time.monotonic()
    if trouble := await trouble_with_name(host, STEP_LIMIT_S):
        next_step = "correct the host in LIVEKIT_URL, or this machine's DNS"
        return Finding("network", "SFU name (DNS)", "fail", trouble, next_step)
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    places = ", ".join(sorted({str(each[4][0]) for each in found}))
    return Finding("network", "SFU name (DNS)", "ok", f"{host} is {places}", ms=_ms(began))


async def _connection(host: str, port: int) -> Finding:
    what, began = "SFU connection (TCP)", time.monotonic()
    try:
        async with asyncio.timeout(STEP_LIMIT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except TimeoutError:
        detail = f"{host}:{port} does not answer within {STEP_LIMIT_S:g} s: a firewall, or nobody"
        return Finding("network", what, "fail", detail, START)
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError) or "refused" in str(error).lower()
        why = "refuses the connection: nothing listens there" if refused else f"{error}"
        return Finding("network", what, "fail", f"{host}:{port} {why}", START)
    return Finding("network", what, "ok", f"{host}:{port}", ms=_ms(began))


async def _clock(session: aiohttp.ClientSession, settings: ProxySettings) -> Finding:
    what = "clock against the SFU"
    try:
        began = time.time()
        async with session.get(
            settings.livekit_http_url, timeout=aiohttp.ClientTimeout(total=STEP_LIMIT_S)
        ) as response:
            theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except FAILURES as error:
        return _skipped(what, in_words(error))
    except (ValueError, TypeError):
        return _skipped(what, "the SFU sends no Date")
    # Its second began at some moment up to now, and may have been cut by up to one second.
    off = began - theirs if began < theirs else max(0.0, time.time() - theirs - 1)
    if abs(off) < CLOCK_WARN_S:
        return Finding("network", what, "ok", "no difference that matters")
    detail = f"this machine is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
    state: State = "fail" if abs(off) >= CLOCK_FAIL_S else "warn"
    next_step = "set the clock (timedatectl set-ntp true): tokens are good for minutes only"
    return Finding("network", what, state, detail, next_step)


async def _join(session: aiohttp.ClientSession, settings: ProxySettings) -> list[Finding]:
    what = "SFU WebSocket"
    if settings.livekit_credentials is None:
        why = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set (the first start makes them)"
        return [_skipped(f"{what}, media", why)]
    room = f"{ROOM_PREFIX}{secrets.token_hex(4)}"
    try:
        async with _deleted_after(settings, room), _in_room(session, settings, room) as here:
            told = f"joined a room of livekit-server {here.server}"
            welcome = Finding("network", what, "ok", told, ms=here.ms)
            return [welcome, *await _media(here)]
    except JoinRefused as error:
        next_step = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be those of this server"
        return [Finding("network", what, "fail", str(error), next_step)]
    except FAILURES as error:
        return [Finding("network", what, "fail", in_words(error), START)]


def _in_room(
    session: aiohttp.ClientSession, settings: ProxySettings, room: str
) -> contextlib.AbstractAsyncContextManager[Joined]:
    assert settings.livekit_credentials is not None
    grants = api.VideoGrants(room_join=True, room=room, can_publish=False, hidden=True)
    token = api.AccessToken(*settings.livekit_credentials).with_identity("doctor")
    token = token.with_grants(grants).with_ttl(timedelta(minutes=1))
    return joined(session, settings.livekit_url, token.to_jwt(), JOIN_LIMIT_S)


@contextlib.asynccontextmanager
async def _deleted_after(settings: ProxySettings, room: str) -> AsyncIterator[None]:
    try:
        yield
    finally:
        assert settings.livekit_credentials is not None
        with contextlib.suppress(api.ServerError, TimeoutError, *FAILURES):  # then it was not made
            async with (
                asyncio.timeout(STEP_LIMIT_S),
                api.LiveKitAPI(settings.livekit_url, *settings.livekit_credentials) as server,
            ):
                await server.room.delete_room(api.DeleteRoomRequest(room=room))


async def _media(here: Joined) -> list[Finding]:
    """Each way for sound that the SFU offers, tried at once."""
    if not here.candidates:
        return [_media_finding("UDP and TCP", "fail", "the SFU offers no address for media")]
    asked = await asyncio.gather(*(_answer(each) for each in here.candidates))
    answers = dict(zip(here.candidates, asked, strict=True))
    works = {each.protocol for each, answer in answers.items() if isinstance(answer, float)}
    findings = []
    for protocol in ("udp", "tcp"):
        ways = {each: got for each, got in answers.items() if each.protocol == protocol}
        what = protocol.upper()
        if not ways:
            if protocol == "udp":
                findings.append(_media_finding(what, "warn", "the SFU offers none"))
            continue
        good = {each: got for each, got in ways.items() if isinstance(got, float)}
        if good:
            fastest = min(good, key=lambda each: good[each])
            detail = f"{fastest.place} answers to ICE"
            found = Finding("network", f"media over {what}", "ok", detail, ms=good[fastest])
        else:
            detail = "; ".join(f"{each.place} {got}" for each, got in ways.items())
            found = _media_finding(what, "warn" if works else "fail", detail)
        findings.append(found)
    return findings


def _media_finding(what: str, state: State, detail: str) -> Finding:
    if state == "warn" and what == "UDP":
        next_step = "sound goes by TCP, which stutters when packets are lost: open the UDP port"
    elif state == "warn":
        next_step = "sound goes by UDP; a network without UDP would need the TCP port"
    else:
        next_step = "open LIVEKIT_UDP_PORT or LIVEKIT_TCP_PORT in the firewall, or a TURN server"
    return Finding("network", f"media over {what}", state, detail, next_step)


async def _answer(candidate: Candidate) -> float | str:
    """Milliseconds until it answered, or why it did not."""
    try:
        return await stun.answered(candidate, MEDIA_LIMIT_S)
    except TimeoutError:
        return f"does not answer within {MEDIA_LIMIT_S:g} s"
    except ConnectionRefusedError:
        return "refuses: nothing listens there"
    except OSError as error:
        return f"fails: {error.strerror or error}"


def _skipped(what: str, why: str) -> Finding:
    return Finding("network", what, "skip", why)


def _ms(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
