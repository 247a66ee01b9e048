"""The files whose change is a reason to try a failed start again, or to try new code."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

from dev.services import CHECKOUT, Service

SETTLED_MS = 50
COMMON = "common"


def changed(service: Service) -> dict[str, float]:
    """When each of them changed last."""
    return {
        **_marks([CHECKOUT / ".env", *CHECKOUT.glob("requirements*.txt")]),
        **code(service),
    }


def code(service: Service) -> dict[str, float]:
    """When each file of the service's own code changed last, and of what it stands on."""
    if not service.code:
        return {}
    return _marks(
        file for folder in (service.code, COMMON) for file in (CHECKOUT / folder).rglob("*.py")
    )


async def news(service: Service, within_s: float) -> None:
    """Return soon after a change of the service's own code, when no more follow, or in time."""
    # Only those that watch pay for it.
    from watchfiles import PythonFilter, awatch

    folders = [CHECKOUT / service.code, CHECKOUT / COMMON]
    try:
        watching = awatch(
            *folders,
            watch_filter=PythonFilter(),
            debounce=SETTLED_MS * 4,
            step=SETTLED_MS,
            rust_timeout=round(within_s * 1000),
            yield_on_timeout=True,
        )
        async with contextlib.aclosing(watching):
            await anext(watching)
    except OSError:  # a folder is away for a moment, or this system watches no more files
        await asyncio.sleep(within_s)


def _marks(files: Iterable[Path]) -> dict[str, float]:
    found = {}
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            found[str(file)] = file.stat().st_mtime
    return found
