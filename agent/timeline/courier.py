"""The worker's deliverer: a thread with a loop of its own, so that it never holds up the worker."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import aiohttp

from agent.settings import AgentSettings
from agent.timeline.delivery import Count, Delivery
from agent.timeline.timeline import Timeline
from common.settings import revealed

CANCELLING = 0.2  # seconds to give up what is under way

logger = logging.getLogger("agent.timeline")


class Courier:
    """Delivers the spool folder from `start` to `stop`; without a timeline it does nothing."""

    def __init__(self, settings: AgentSettings, count: Count) -> None:
        self._settings = settings
        self._count = count
        self._loop: asyncio.AbstractEventLoop | None = None
        self._delivery: Delivery | None = None
        self._thread = threading.Thread(target=self._main, name="timeline", daemon=True)

    def start(self) -> None:
        if self._settings.has_timeline:
            self._thread.start()

    async def stop(self, patience: float) -> None:
        """Give what was written last `patience` seconds; what is left is for the next worker."""
        if self._thread.is_alive() and self._loop is not None and self._delivery is not None:
            stopping = asyncio.run_coroutine_threadsafe(self._delivery.stop(patience), self._loop)
            await asyncio.wait({asyncio.wrap_future(stopping)}, timeout=patience + CANCELLING)

    def _main(self) -> None:
        try:
            asyncio.run(self._deliver())
        except Exception:
            logger.exception("the delivery to the timeline has ended; events stay in the spool")

    async def _deliver(self) -> None:
        settings = self._settings
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            timeline = Timeline(
                settings.agent_timeline_url,
                settings.livekit_api_key or "",
                revealed(settings.livekit_api_secret) or "",
                session,
            )
            self._delivery = Delivery(Path(settings.agent_spool_dir), timeline, self._count)
            self._loop = asyncio.get_running_loop()
            await self._delivery.run()
