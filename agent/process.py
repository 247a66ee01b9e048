"""What a job process makes ready before it has a call, so that the call begins at once.

The modules are imported once, in the server that job processes are forked from (agent/preload.py),
and shared. What cannot be shared is made here, in each process: clients, detector, and one throw-
away session and room, because the first of each is slow.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from letta_client import AsyncLetta
from livekit import rtc
from livekit.agents import AgentSession, JobProcess, vad

from agent.settings import AgentSettings, load
from agent.speech.vad import load as load_vad

logger = logging.getLogger("agent.process")

READY = "ready"  # key in the process's userdata
LETTA_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
NO_KEY = "none-needed"  # the client insists on a key; a server without a password takes any


@dataclass
class Ready:
    """Made once a process. `detector` is None when it could not be loaded."""

    settings: AgentSettings
    letta: AsyncLetta
    detector: vad.VAD | None


def prepare(process: JobProcess) -> None:
    """The worker's set-up function for job processes."""
    began = time.perf_counter()
    settings = load()
    with ThreadPoolExecutor(max_workers=1) as executor:
        detector = executor.submit(load_vad, settings)
        letta = letta_client(settings)
        asyncio.run(_rehearse())
    process.userdata[READY] = Ready(settings, letta, detector.result())
    logger.debug("job process ready after %.0f ms", (time.perf_counter() - began) * 1000)


def letta_client(settings: AgentSettings) -> AsyncLetta:
    client = AsyncLetta(
        base_url=settings.letta_base_url,
        api_key=settings.letta_api_key or NO_KEY,
        timeout=LETTA_TIMEOUT,
        max_retries=1,
    )
    _ = client.conversations.messages, client.agents  # imported when first asked for
    return client


async def _rehearse() -> None:
    """The first room starts LiveKit's native runtime, the first session imports the rest."""
    rtc.Room()
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "vad"})
    await session.aclose()
