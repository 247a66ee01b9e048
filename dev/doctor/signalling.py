"""Join a room of the SFU by WebSocket, as a page does, up to where media would begin, and ask each
media port that it names whether it is there.

A media port is asked by a STUN binding request as ICE sends it, over UDP or TCP (RFC 8489, RFC
8445, RFC 4571). Whoever joins deletes the room.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import struct
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from livekit.protocol import rtc

from common.probe import milliseconds_since

PROTOCOL = 15
COOKIE = 0x2112A442
REQUEST, SUCCESS = 0x0001, 0x0101
USERNAME, INTEGRITY, PRIORITY, CONTROLLED, FINGERPRINT = 0x0006, 0x0008, 0x0024, 0x8029, 0x8028
HOST_PRIORITY = 2130706431
AGAIN_S = 0.25
"""A datagram may get lost: it is sent again until there is an answer."""
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


@dataclass(frozen=True)
class Candidate:
    """Where the SFU takes media, and the names under which it answers there."""

    protocol: str
    """udp or tcp."""
    host: str
    port: int
    username: str
    password: str

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol} {host}:{self.port}"


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
            welcome = await _welcome(socket, began)
        yield welcome
        await socket.send_bytes(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())


async def _welcome(socket: aiohttp.ClientWebSocketResponse, began: float) -> Joined:
    """Hear the SFU's welcome and its offer, answer it, and collect its candidates."""
    result: Joined | None = None
    offer = ""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY:
            continue
        response = rtc.SignalResponse.FromString(message.data)
        match response.WhichOneof("message"):
            case "join":
                ms = milliseconds_since(began)
                result = Joined(
                    response.join.server_info.version or response.join.server_version, ms
                )
            case "offer":
                offer = response.offer.sdp
                answer = rtc.SessionDescription(type="answer", sdp=ANSWER, id=response.offer.id)
                await socket.send_bytes(rtc.SignalRequest(answer=answer).SerializeToString())
            case "trickle" if result is not None:
                candidate = _candidate(json.loads(response.trickle.candidateInit), offer)
                if candidate is not None:
                    result.candidates.append(candidate)
                if response.trickle.final:
                    return result
            case "leave":
                raise JoinRefused(f"it sent us away at once (reason {response.leave.reason})")
    raise JoinRefused("it closed the connection before it told where it takes media")


def _candidate(trickled: dict[str, str], offer: str) -> Candidate | None:
    """A candidate as the SFU writes it; None of one that nobody can ask (active TCP, mDNS)."""
    line = trickled.get("candidate", "")
    parts = re.match(
        r"candidate:\S+ 1 (?P<protocol>udp|tcp) \d+ (?P<host>\S+) (?P<port>\d+) typ (?P<type>\S+)",
        line,
        re.IGNORECASE,
    )
    if parts is None or parts["host"].endswith(".local") or " tcptype active" in line:
        return None
    names = dict(re.findall(r"a=ice-(ufrag|pwd):(\S+)", offer))
    user, password = f"{names.get('ufrag', '')}:{OUR_USER}", names.get("pwd", "")
    return Candidate(parts["protocol"].lower(), parts["host"], int(parts["port"]), user, password)


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


async def media_answers(candidate: Candidate, limit: float) -> float:
    """Milliseconds until the port answered; TimeoutError or OSError when it did not."""
    message, transaction = binding_request(candidate.username, candidate.password)
    began = time.monotonic()
    async with asyncio.timeout(limit):
        ask = _over_udp if candidate.protocol == "udp" else _over_tcp
        await ask(candidate, message, transaction)
    return milliseconds_since(began)


def binding_request(username: str, password: str) -> tuple[bytes, bytes]:
    """A binding request and its transaction."""
    transaction = secrets.token_bytes(12)
    attributes = b"".join(
        (
            _attribute(USERNAME, username.encode()),
            _attribute(PRIORITY, struct.pack("!I", HOST_PRIORITY)),
            _attribute(CONTROLLED, secrets.token_bytes(8)),
        )
    )

    def head(length: int) -> bytes:
        return struct.pack("!HHI", REQUEST, length, COOKIE) + transaction

    # Each of the last two covers all before it, in a message that is as long as if it ended here.
    signed = head(len(attributes) + 24) + attributes
    attributes += _attribute(INTEGRITY, hmac.new(password.encode(), signed, hashlib.sha1).digest())
    checked = head(len(attributes) + 8) + attributes
    checksum = zlib.crc32(checked) ^ 0x5354554E
    return checked + _attribute(FINGERPRINT, struct.pack("!I", checksum)), transaction


def is_answer(data: bytes, transaction: bytes) -> bool:
    """Whether `data` is the SFU's consent to the request of this transaction."""
    if len(data) < 20:
        return False
    kind, _, cookie = struct.unpack("!HHI", data[:8])
    return (kind, cookie, data[8:20]) == (SUCCESS, COOKIE, transaction)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, transaction: bytes) -> None:
        self._transaction = transaction
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if is_answer(data, self._transaction) and not self.answer.done():
            self.answer.set_result(None)

    def error_received(self, error: Exception) -> None:
        """The machine said that nobody listens on that port."""
        if not self.answer.done():
            self.answer.set_exception(error)


async def _over_udp(candidate: Candidate, message: bytes, transaction: bytes) -> None:
    transport, listener = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(transaction), remote_addr=(candidate.host, candidate.port)
    )
    try:
        while not listener.answer.done():
            transport.sendto(message)
            await asyncio.wait([listener.answer], timeout=AGAIN_S)
        listener.answer.result()
    finally:
        transport.close()


async def _over_tcp(candidate: Candidate, message: bytes, transaction: bytes) -> None:
    reader, writer = await asyncio.open_connection(candidate.host, candidate.port)
    try:
        writer.write(struct.pack("!H", len(message)) + message)
        while True:
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            if is_answer(await reader.readexactly(length), transaction):
                return
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("it closed the connection without an answer") from None
    finally:
        writer.close()
