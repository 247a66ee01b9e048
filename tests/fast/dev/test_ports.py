"""A port is free or its holder is named."""

import os
import socket
from contextlib import closing

import pytest

from dev.services import SERVICES
from dev.supervisor import ports


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_held_port_is_not_free_and_its_holder_is_known(host: str) -> None:
    with closing(socket.socket()) as holder:
        holder.bind((host, 0))
        holder.listen()
        number = holder.getsockname()[1]
        assert not ports.is_free(number)
        found = ports.holder(number)
        assert found is not None and found.pid == os.getpid()
    assert ports.is_free(number)


def test_a_port_held_on_ipv6_alone_is_not_free() -> None:
    if not ports.has_ipv6():
        pytest.skip("this machine has no ::1")
    with closing(socket.socket(socket.AF_INET6)) as holder:
        holder.bind(("::1", 0))
        holder.listen()
        assert not ports.is_free(holder.getsockname()[1])


def test_a_connection_that_closes_does_not_hold_the_port() -> None:
    with closing(socket.socket()) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = server.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", number))) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    assert ports.is_free(number)


def test_udp_is_its_own() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as holder:
        holder.bind(("127.0.0.1", 0))
        number = holder.getsockname()[1]
        assert not ports.is_free(number, "udp")
        environ = {"LIVEKIT_UDP_PORT": str(number), "LIVEKIT_PORT": "1", "LIVEKIT_TCP_PORT": "1"}
        refusal = ports.refusal(SERVICES["livekit"], SERVICES["livekit"].ports[2], environ)
    assert f"UDP port {number} is held by pid {os.getpid()}" in refusal
    assert "LIVEKIT_UDP_PORT" in refusal
