"""Wait until the services that one needs are ready."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dev import records
from dev.records import READY, STARTING
from dev.state import State

LOOK_EVERY_S = 0.15
SAY_AGAIN_S = 10.0


async def wait_for(names: Iterable[str], monitors: Mapping[str, str], state: State) -> None:
    """Wait until each of `names` that is ours is ready, and say which one is missing."""
    ours = [name for name in names if name not in monitors]
    said = 0.0
    while missing := [text for name in ours if (text := _missing(state.home, name))]:
        detail = "waits for " + ", ".join(missing)
        again = time.monotonic() - said > SAY_AGAIN_S
        if again or detail != state.record.detail:
            state.set(STARTING, detail, say=True)
            said = time.monotonic()
        await asyncio.sleep(LOOK_EVERY_S)


def _missing(home: Path, name: str) -> str | None:
    record = records.read(home, name)
    if record is None or not record.launcher_alive:
        return f"{name} (not started)"
    return None if record.state == READY else f"{name} ({record.state})"
