"""Wait until the machine is calm, so that no measurement pays for the one before."""

from __future__ import annotations

import asyncio

import psutil

CALM_PERCENT = 25.0  # of all cores
LOOK_S = 0.5
LIMIT_S = 8.0


async def calm() -> bool:
    """True once half a second was calm; False when the machine stays busy (others use it)."""
    psutil.cpu_percent()
    for _ in range(round(LIMIT_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if psutil.cpu_percent() < CALM_PERCENT:
            return True
    return False
