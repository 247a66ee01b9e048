"""The doctor's questions to an SFU's media ports, asked of small servers that answer like it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from dev.doctor import signalling
from dev.doctor.signalling import Candidate, _candidate, media_answers

PASSWORD = "password-of-the-sfu"


def answer_to(request: bytes) -> bytes:
    """What the SFU says, to a request that is signed with its password; nothing to others."""
    integrity = request[-32:-8]
    signed = struct.pack("!HHI", 1, len(request) - 20 - 8, signalling.COOKIE) + request[8:-32]
    wanted = hmac.new(PASSWORD.encode(), signed, hashlib.sha1).digest()
    checksum = zlib.crc32(request[:-8]) ^ 0x5354554E
    right = integrity[4:] == wanted and request[-4:] == struct.pack("!I", checksum)
    if not right or b"sfu:me" not in request:
        return b""
    return struct.pack("!HHI", signalling.SUCCESS, 0, signalling.COOKIE) + request[8:20]


class Udp(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, place: object) -> None:
        if answer := answer_to(data):
            self.transport.sendto(b"something else", place)  # type: ignore[arg-type]
            self.transport.sendto(answer, place)  # type: ignore[arg-type]


async def serve_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = struct.unpack("!H", await reader.readexactly(2))[0]
    if answer := answer_to(await reader.readexactly(length)):
        writer.write(struct.pack("!H", len(answer)) + answer)
    writer.close()


@asynccontextmanager
async def sfu(protocol: str) -> AsyncIterator[int]:
    """The port of something that answers like the SFU."""
    if protocol == "udp":
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Udp, local_addr=("127.0.0.1", 0)
        )
        try:
            yield transport.get_extra_info("sockname")[1]
        finally:
            transport.close()
            await asyncio.sleep(0)
        return
    server = await asyncio.start_server(serve_tcp, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_a_media_port_that_answers_to_ice_is_timed(protocol: str) -> None:
    async with sfu(protocol) as port:
        candidate = Candidate(protocol, "127.0.0.1", port, "sfu:me", PASSWORD)

        assert 0 < await media_answers(candidate, 2.0) < 2000


async def test_a_port_that_listens_but_does_not_know_us_is_no_answer() -> None:
    async with sfu("udp") as port:
        with pytest.raises(TimeoutError):
            await media_answers(Candidate("udp", "127.0.0.1", port, "sfu:me", "wrong"), 0.3)
    async with sfu("tcp") as port:
        with pytest.raises(ConnectionResetError):
            await media_answers(Candidate("tcp", "127.0.0.1", port, "sfu:me", "wrong"), 2.0)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_a_port_where_nobody_listens_refuses(protocol: str) -> None:
    async with sfu(protocol) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await media_answers(Candidate(protocol, "127.0.0.1", port, "sfu:me", PASSWORD), 2.0)


def test_an_answer_to_somebody_else_is_none() -> None:
    message, transaction = signalling.binding_request("sfu:me", PASSWORD)
    answer = answer_to(message)

    assert signalling.is_answer(answer, transaction)
    assert not signalling.is_answer(answer, b"another-one!")
    assert not signalling.is_answer(answer[:19], transaction)


OFFER = "v=0\r\na=ice-ufrag:USER\r\na=ice-pwd:PASS\r\n"


def test_a_candidate_is_read_as_the_sfu_writes_it() -> None:
    told = {"candidate": "candidate:375 1 tcp 1671430143 10.0.0.7 7881 typ host tcptype passive"}

    candidate = _candidate(told, OFFER)

    assert candidate is not None
    assert candidate.place == "tcp 10.0.0.7:7881"
    assert candidate.username.startswith("USER:")
    assert candidate.password == "PASS"


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 1 udp 2130706431 0b3c.local 5000 typ host",
        "candidate:1 1 tcp 1671430143 10.0.0.7 9 typ host tcptype active",
        "nothing of the kind",
    ],
)
def test_what_nobody_can_ask_is_left_out(text: str) -> None:
    assert _candidate({"candidate": text}, OFFER) is None
