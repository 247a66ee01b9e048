"""Deleting calls that are too many or too old, now and then."""

from __future__ import annotations

import asyncio
import logging

from proxy.settings import ProxySettings
from proxy.timeline.keeping import Keeper
from proxy.timeline.trouble import StoreTrouble

log = logging.getLogger("proxy.timeline")

FIRST_S = 10.0
EVERY_S = 600.0


class Retention:
    """Keeps the newest CALLS_KEPT calls of the last CALLS_KEPT_DAYS days."""

    def __init__(self, settings: ProxySettings, keeper: Keeper) -> None:
        self._kept = settings.calls_kept
        self._days = settings.calls_kept_days
        self._keeper = keeper

    async def run(self) -> None:
        await self._keeper.ready.wait()
        await asyncio.sleep(FIRST_S)
        while True:
            await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Delete what is too much; a database in trouble is left alone until the next time."""
        try:
            deleted = await self._keeper.store.prune(self._kept, self._days)
        except StoreTrouble as trouble:
            log.debug("Old calls are not deleted now: %s", trouble)
            return
        if deleted:
            log.info("Deleted %d calls that were too old or too many", deleted)
