"""A relay between two parts that can cut: what passes is held, delayed, truncated, altered or
doubled, or its connection is reset."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Way = Literal["hold", "delay", "truncate", "alter", "double", "reset"]
WAYS: tuple[Way, ...] = ("hold", "delay", "truncate", "alter", "double", "reset")
DELAY_S = 6.0
"""Longer than any answer on this machine may take."""
TRUNCATED = 150
"""Bytes of an answer that pass before its connection is closed."""
ASKED_EVERY_S = 0.05


class Cutter:
    """Passes on what comes to `port`; while `way` is set, what comes back is cut in that way.

    Who knows by the head of the request which way it goes overrides `way_of`.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.way: Way | None = None
        self._serving: set[asyncio.Task[None] | None] = set()
        """The loop itself holds tasks weakly, and a connection that is held by nothing else."""

    def way_of(self, head: bytes) -> Callable[[], Way | None]:
        """How the answers of a connection are cut just now; `head` is what was first sent."""
        return lambda: self.way

    async def listen(self, host: str, port: int = 0) -> asyncio.Server:
        server = await asyncio.start_server(self.serve, host, port)
        self.port = int(server.sockets[0].getsockname()[1])
        return server

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        there: asyncio.Task[None] | None = None
        inner: StreamWriter | None = None
        serving = asyncio.current_task()
        self._serving.add(serving)
        try:
            with suppress(OSError):
                head = await reader.read(65536)
                inner_reader, inner = await asyncio.open_connection("127.0.0.1", self.target)
                inner.write(head)
                there = asyncio.create_task(_copy(reader, inner))
                await _back(inner_reader, writer, self.way_of(head))
        finally:
            if there is not None:
                there.cancel()
                await asyncio.gather(there, return_exceptions=True)
            for each in (writer, inner):
                if each is not None:
                    each.close()
            self._serving.discard(serving)


async def _back(reader: StreamReader, writer: StreamWriter, cut: Callable[[], Way | None]) -> None:
    passed = 0
    while data := await reader.read(65536):
        way = cut()
        if way == "hold":
            while cut() == "hold":  # noqa: ASYNC110 (told by another thread or process)
                await asyncio.sleep(ASKED_EVERY_S)
        elif way == "delay":
            await asyncio.sleep(DELAY_S)
        elif way == "reset":
            _reset(writer)
            return
        elif way == "alter":
            data = bytes(byte ^ 0x2A for byte in data)
        elif way == "double":
            data += data
        elif way == "truncate":
            data = data[: max(0, TRUNCATED - passed)]
            passed += len(data)
        writer.write(data)
        await writer.drain()
        if way == "truncate" and passed >= TRUNCATED:
            return


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def _reset(writer: StreamWriter) -> None:
    """Close so that the other end is told of a reset."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def cutters(*targets: int) -> Iterator[list[Cutter]]:
    """One in front of each of these ports, in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cutters")
    thread.start()
    made = [Cutter(target) for target in targets]

    async def open_all() -> list[asyncio.Server]:
        return [await one.listen("127.0.0.1") for one in made]

    async def close_all(servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        servers = asyncio.run_coroutine_threadsafe(open_all(), loop).result(10)
        try:
            yield made
        finally:
            asyncio.run_coroutine_threadsafe(close_all(servers), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
