"""`python -m proxy`: listen until TERM or INT, then end cleanly with 0."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from common import logs
from common.settings import SettingsError
from proxy import app, settings

log = logging.getLogger("proxy")


async def serve(configured: settings.ProxySettings) -> None:
    """Run until a signal asks for the end."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    runner = await app.start(configured)
    log.info("Listening: http://localhost:%d/debug", configured.proxy_port)
    if configured.livekit_credentials is None:
        log.warning("LIVEKIT_API_KEY or LIVEKIT_API_SECRET is not set: no tokens, no dispatch")
    try:
        await end.wait()
    finally:
        await runner.cleanup()
    log.info("Stopped")


def main() -> int:
    try:
        configured = settings.load()
        logs.configure(configured.log_level, configured.secrets, configured.log_format)
        asyncio.run(serve(configured))
    except (SettingsError, app.PortTaken) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
