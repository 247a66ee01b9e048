"""Waiting: for a calm machine before a measurement, and for the end of what went on beside it."""

from __future__ import annotations

import asyncio

import psutil

CALM_PERCENT = 25.0  # of all cores


CALM_LOOK_S = 0.5


CALM_LIMIT_S = 8.0


async def calm() -> bool:
    """True once half a second was calm; False when the machine stays busy (others use it)."""
    psutil.cpu_percent()
    for _ in range(round(CALM_LIMIT_S / CALM_LOOK_S)):
        await asyncio.sleep(CALM_LOOK_S)
        if psutil.cpu_percent() < CALM_PERCENT:
            return True
    return False


async def ended(work: asyncio.Task[None] | None) -> None:
    """End it. Raises the error that it may have failed with, as then something was not measured."""
    assert work is not None
    work.cancel()
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome
