"""Whose program is at the other end of a connection from this machine.

Loopback is open to everybody who has an account here. Linux tells the user of each socket, so a
server can keep to its owner without a password that a person would have to type.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_known: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
ROOT = 0  # may do anything anyway, and relays what comes from elsewhere (containers, WSL)


def is_stranger(transport: Any) -> bool:
    """Whether another user of this machine is at the other end of an asyncio transport.

    False for what cannot be told: another system, or a connection that is not from this machine.
    Looked up once a connection.
    """
    if transport not in _known:
        _known[transport] = _is_stranger(transport)
    return _known[transport]


def _is_stranger(transport: Any) -> bool:
    peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not peer or not here or not ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback:
        return False
    uid = user_of(peer[1], here[1])
    return uid is not None and uid not in (ROOT, os.getuid())


def user_of(local_port: int, remote_port: int) -> int | None:
    """The user id of the loopback socket that is bound to one port and connected to the other."""
    for local, remote, uid in _sockets():
        if (local, remote) == (local_port, remote_port):
            return uid
    return None


def _sockets() -> Iterator[tuple[int, int, int]]:
    """Local port, remote port and user id of each TCP socket (proc_net_tcp(5))."""
    for table in TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            local, remote = (int(field.rpartition(":")[2], 16) for field in fields[1:3])
            yield local, remote, int(fields[7])
