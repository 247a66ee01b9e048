"""Join a room of the SFU by WebSocket, as a page does, up to where media would begin.

The SFU tells where it takes media; that is where `stun.py` asks. Nobody sees the participant (it is
hidden), and its room is deleted by whoever asked for it.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from livekit.protocol import rtc

from dev.doctor.stun import Candidate

PROTOCOL = 15
OUR_USER, OUR_PASSWORD = "doctordoctor", "doctordoctordoctordoctor"
ANSWER = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        f"a=ice-ufrag:{OUR_USER}",
        f"a=ice-pwd:{OUR_PASSWORD}",
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
        "a=setup:active",
        "a=sctp-port:5000",
        "",
    )
)
"""What a browser would answer, without anybody behind it: no media is ever sent."""


class JoinRefused(Exception):
    """The SFU did not let us in; the text says why."""


@dataclass
class Joined:
    """What the SFU told of itself while we were in its room."""

    server: str
    ms: float
    """From the first byte to the SFU's welcome."""
    candidates: list[Candidate] = field(default_factory=list)


@asynccontextmanager
async def joined(
    session: aiohttp.ClientSession, url: str, token: str, limit: float
) -> AsyncIterator[Joined]:
    """Be in the room of `token` for as long as the block runs; `JoinRefused` or an error of
    aiohttp when that does not work within `limit` seconds."""
    began = time.monotonic()
    query = {"access_token": token, "protocol": str(PROTOCOL), "auto_subscribe": "1"}
    address = re.sub("^ws", "http", url.rstrip("/")) + "/rtc"
    try:
        async with asyncio.timeout(limit):
            socket = await session.ws_connect(address, params=query)
    except aiohttp.WSServerHandshakeError as error:
        raise JoinRefused(await _why(session, address, query, error)) from None
    async with socket:
        async with asyncio.timeout(limit - (time.monotonic() - began)):
            yield_this = await _welcome(socket, began)
        yield yield_this
        await socket.send_bytes(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())


async def _welcome(socket: aiohttp.ClientWebSocketResponse, began: float) -> Joined:
    """Hear the SFU's welcome and its offer, answer it, and collect its candidates."""
    result: Joined | None = None
    offer = ""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY:
            continue
        said = rtc.SignalResponse.FromString(message.data)
        match said.WhichOneof("message"):
            case "join":
                ms = round((time.monotonic() - began) * 1000, 1)
                result = Joined(said.join.server_info.version or said.join.server_version, ms)
            case "offer":
                offer = said.offer.sdp
                answer = rtc.SessionDescription(type="answer", sdp=ANSWER, id=said.offer.id)
                await socket.send_bytes(rtc.SignalRequest(answer=answer).SerializeToString())
            case "trickle" if result is not None:
                candidate = _candidate(json.loads(said.trickle.candidateInit), offer)
                if candidate is not None:
                    result.candidates.append(candidate)
                if said.trickle.final:
                    return result
            case "leave":
                raise JoinRefused(f"it sent us away at once (reason {said.leave.reason})")
    raise JoinRefused("it closed the connection before it told where it takes media")


def _candidate(told: dict[str, str], offer: str) -> Candidate | None:
    """A candidate as the SFU writes it; None of one that nobody can ask (active TCP, mDNS)."""
    found = re.match(
        r"candidate:\S+ 1 (?P<protocol>udp|tcp) \d+ (?P<host>\S+) (?P<port>\d+) typ (?P<type>\S+)",
        told.get("candidate", ""),
        re.IGNORECASE,
    )
    if found is None or found["host"].endswith(".local") or " tcptype active" in told["candidate"]:
        return None
    names = dict(re.findall(r"a=ice-(ufrag|pwd):(\S+)", offer))
    user = f"{names.get('ufrag', '')}:{OUR_USER}"
    protocol = found["protocol"].lower()
    return Candidate(protocol, found["host"], int(found["port"]), user, names.get("pwd", ""))


async def _why(
    session: aiohttp.ClientSession,
    address: str,
    query: dict[str, str],
    error: aiohttp.WSServerHandshakeError,
) -> str:
    """The SFU's own words: it tells them only to a plain request."""
    async with session.get(address + "/validate", params=query) as response:
        words = (await response.content.read(300)).decode(errors="replace").strip()
    return f"it answered {error.status}" + (f": {words}" if words else "")
