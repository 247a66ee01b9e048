"""`python -m dev.models`: run the offline models server until TERM or INT."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys

from aiohttp import web
from pydantic import ValidationError

from common import logs
from dev.models.app import make_app
from dev.models.settings import ModelsSettings

END_WAIT_S = 2.0


def main() -> int:
    try:
        settings = ModelsSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        print(
            f"setting {name} has the value {first['input']!r}: {first['msg']}; mend it and restart",
            file=sys.stderr,
        )
        return 2
    logs.configure(settings.log_level, form=settings.log_format, process="models")
    try:
        asyncio.run(_serve(settings))
    except OSError as error:
        print(
            f"port {settings.models_port} cannot be opened: {error.strerror}; "
            "end what holds it, or set MODELS_PORT",
            file=sys.stderr,
        )
        return 1
    return 0


async def _serve(settings: ModelsSettings) -> None:
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    # Bound before the models are loaded: a taken port is told at once.
    sockets = [_bound(host, settings.models_port) for host in _loopback()]
    runner = web.AppRunner(make_app(settings), access_log=None, shutdown_timeout=END_WAIT_S)
    await runner.setup()
    try:
        for each in sockets:
            await web.SockSite(runner, each).start()
        logging.getLogger("models").info("listening on port %d (loopback)", settings.models_port)
        await told_to_end.wait()
    finally:
        await runner.cleanup()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _loopback() -> list[str]:
    """127.0.0.1, and ::1 where the machine has IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


if __name__ == "__main__":
    sys.exit(main())
