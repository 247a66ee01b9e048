"""TLS in front of a plain port, as a reverse proxy gives it; with a certificate of its own."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls front")
    thread.start()
    try:
        opening = asyncio.start_server(_pass_on(target), "127.0.0.1", 0, ssl=context)
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
