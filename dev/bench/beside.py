"""Work that goes on beside what is measured."""

from __future__ import annotations

import asyncio


async def ended(work: asyncio.Task[None] | None) -> None:
    """End it. Raises the error that it may have failed with, as then something was not measured."""
    assert work is not None
    work.cancel()
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome
