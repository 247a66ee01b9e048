"""Passes UDP on, each packet later by as many seconds as standard input said last; ends with it.

python -m tests.faults.survival.slow_relay PORT TARGET_PORT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, cast

Address = tuple[str | Any, int]
HOST = "127.0.0.1"


class Delay:
    """How long each packet is held back."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def then(self, send: Callable[[], None]) -> None:
        if self.seconds:
            asyncio.get_running_loop().call_later(self.seconds, send)
        else:
            send()


class Outside(asyncio.DatagramProtocol):
    """The port that callers send to; each has a port of its own on the other side."""

    def __init__(self, target: int, delay: Delay) -> None:
        self._target = target
        self._delay = delay
        self._inner: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, caller: Address) -> None:
        if caller not in self._inner:
            self._inner[caller] = asyncio.create_task(self._opened(caller))
        opened = self._inner[caller]
        self._delay.then(
            lambda: opened.add_done_callback(lambda inner: inner.result().sendto(data))
        )

    def back(self, data: bytes, caller: Address) -> None:
        self._delay.then(lambda: self._transport.sendto(data, caller))

    async def _opened(self, caller: Address) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Inside(self, caller), remote_addr=(HOST, self._target)
        )
        return transport


class Inside(asyncio.DatagramProtocol):
    """The port by which one caller is known to the target."""

    def __init__(self, outside: Outside, caller: Address) -> None:
        self._outside = outside
        self._caller = caller

    def datagram_received(self, data: bytes, _: Address) -> None:
        self._outside.back(data, self._caller)


async def relay(port: int, target: int) -> None:
    delay = Delay()
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Outside(target, delay), local_addr=(HOST, port))
    while line := await asyncio.to_thread(sys.stdin.readline):
        delay.seconds = float(line)


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), int(sys.argv[2])))
