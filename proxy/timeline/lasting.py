"""Background work that goes on whatever happens in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("proxy.timeline")

AFTER_FAULT_S = 1.0


async def lasting(run: Callable[[], Awaitable[None]]) -> None:
    """`run` until it has done its work: a fault in it must not end what every call relies on."""
    while True:
        try:
            return await run()
        except Exception:
            log.exception("The timeline failed at something nobody foresaw; it goes on")
            await asyncio.sleep(AFTER_FAULT_S)
