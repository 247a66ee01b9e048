"""Another way to a port of loopback: with TLS, as a reverse proxy gives it, or from outside."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest


@contextmanager
def secure_front(target: int, folder: Path) -> Iterator[int]:
    """A port of loopback where https leads to the http of port `target`."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=test", "-keyout", str(key), "-out", str(certificate)),
        ),
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _relay("127.0.0.1", target, context) as port:
        yield port


@contextmanager
def outside_address(target: int) -> Iterator[str]:
    """`HOST:PORT`, by an address of this machine that is not its loopback, of port `target`."""
    addresses = [
        each.address
        for ofs in psutil.net_if_addrs().values()
        for each in ofs
        if each.family == socket.AF_INET and not each.address.startswith("127.")
    ]
    if not addresses:
        pytest.skip("WS FROM AN HTTPS PAGE IS NOT TESTED: this machine has only its loopback")
    with _relay(addresses[0], target, None) as port:
        yield f"{addresses[0]}:{port}"


@contextmanager
def _relay(host: str, target: int, context: ssl.SSLContext | None) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="relay")
    thread.start()
    try:
        opening = asyncio.start_server(_pass_on(target), host, 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(opening, loop).result(10)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _pass_on(target: int) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            inner_reader, inner_writer = await asyncio.open_connection("localhost", target)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    return handler


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
