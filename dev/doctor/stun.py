"""Ask a media port of the SFU whether it is there: a STUN binding request as ICE sends it, over UDP
or TCP (RFC 8489, RFC 8445, RFC 4571)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import struct
import time
import zlib
from dataclasses import dataclass

COOKIE = 0x2112A442
REQUEST, SUCCESS = 0x0001, 0x0101
USERNAME, INTEGRITY, PRIORITY, CONTROLLED, FINGERPRINT = 0x0006, 0x0008, 0x0024, 0x8029, 0x8028
HOST_PRIORITY = 2130706431
AGAIN_S = 0.25
"""A datagram may get lost: it is sent again until there is an answer."""


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


async def answered(candidate: Candidate, limit: float) -> float:
    """Milliseconds until the port answered; TimeoutError or OSError when it did not."""
    message, transaction = request(candidate.username, candidate.password)
    began = time.monotonic()
    async with asyncio.timeout(limit):
        ask = _over_udp if candidate.protocol == "udp" else _over_tcp
        await ask(candidate, message, transaction)
    return round((time.monotonic() - began) * 1000, 1)


def request(username: str, password: str) -> tuple[bytes, bytes]:
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
