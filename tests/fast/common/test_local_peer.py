"""Whose program is at the other end of a connection."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from common import local_peer
from common.local_peer import is_stranger, user_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the user of a socket")


@linux
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_user_of_a_connection_is_found(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        with socket.create_connection((address, port)) as client:
            assert user_of(client.getsockname()[1], port) == os.getuid()
        assert user_of(1, port) is None


class Transport:
    def __init__(self, peer: str) -> None:
        self.addresses = {"peername": (peer, 40_000), "sockname": ("127.0.0.1", 9000)}

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return self.addresses[name]


@pytest.mark.parametrize(
    ("peer", "uid", "stranger"),
    [
        ("127.0.0.1", os.getuid(), False),
        ("127.0.0.1", 0, False),
        ("127.0.0.1", 54_321, True),
        ("::1", 54_321, True),
        ("127.0.0.1", None, False),  # not told
        ("192.0.2.7", 54_321, False),  # not of this machine: Host and Origin are for that
    ],
)
def test_who_is_a_stranger(
    peer: str, uid: int | None, stranger: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = [] if uid is None else [(40_000, 9000, uid), (40_000, 9001, 12_345)]
    monkeypatch.setattr(local_peer, "_sockets", lambda: iter(sockets))
    assert is_stranger(Transport(peer)) is stranger


def test_a_connection_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def sockets() -> Iterator[tuple[int, int, int]]:
        looked.append(1)
        yield 40_000, 9000, 54_321

    monkeypatch.setattr(local_peer, "_sockets", sockets)
    one = Transport("127.0.0.1")
    assert [is_stranger(one), is_stranger(one)] == [True, True]
    assert len(looked) == 1
