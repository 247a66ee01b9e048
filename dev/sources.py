"""The files whose change is a reason to try a failed start again, or to try new code."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

from dev.services import CHECKOUT, Service

SETTLED_MS = 50


def changed(service: Service) -> dict[str, float]:
    """When each of them changed last."""
    return {
        **_marks([CHECKOUT / ".env", *CHECKOUT.glob("requirements*.txt")]),
        **code(service),
    }


def code(service: Service) -> dict[str, float]:
    """When each file of the service's own code changed last."""
    return _marks((CHECKOUT / service.code).rglob("*.py")) if service.code else {}


async def news(service: Service, within_s: float) -> None:
    """Return soon after a change of the service's own code, when no more follow, or in time."""
    # Only those that watch pay for it.
    from watchfiles import PythonFilter, awatch

    folder = CHECKOUT / service.code
    try:
        watching = awatch(
            folder,
            watch_filter=PythonFilter(),
            debounce=SETTLED_MS * 4,
            step=SETTLED_MS,
            rust_timeout=round(within_s * 1000),
            yield_on_timeout=True,
        )
        async with contextlib.aclosing(watching):
            await anext(watching)
    except OSError:  # the folder is away for a moment, or this system watches no more files
        await asyncio.sleep(within_s)


def _marks(files: Iterable[Path]) -> dict[str, float]:
    found = {}
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            found[str(file)] = file.stat().st_mtime
    return found
