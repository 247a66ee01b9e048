"""What a job process makes ready before it has a call, so that the call begins at once.

The modules are imported once, in the server that job processes are forked from
(agent/job/preload.py), and shared. What cannot be shared is made here, in each process: clients,
detector, and one throw-away session and room, because the first of each is slow.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from letta_client import AsyncLetta
from livekit import rtc
from livekit.agents import AgentSession, JobProcess
from livekit.agents.stt import STT
from livekit.agents.tts import TTS

from agent import http_clients
from agent.provider_limiter import ProviderLimiter
from agent.settings import AgentSettings, load
from agent.speech.providers import make_stt, make_tts
from agent.speech.reports import Reports
from agent.speech.utterance_stream import SAMPLE_RATE
from agent.speech.vad import LoudnessVAD, SharedVAD
from agent.speech.vad import load as load_vad
from common import http_proxy
from common.settings import revealed

logger = logging.getLogger("agent.process")

READY = "ready"  # key in the process's userdata


@dataclass
class Ready:
    """Made once a process, which has one call. `reports` says what the call must do without."""

    settings: AgentSettings
    letta: AsyncLetta
    detector: SharedVAD
    stt: STT[Any]
    tts: TTS[Any]
    reports: Reports


def prepare(process: JobProcess) -> None:
    """The worker's set-up function for job processes."""
    began = time.perf_counter()
    settings = load()
    http_proxy.hide_from_native_code(settings.livekit_url)
    reports = Reports()
    with ThreadPoolExecutor(max_workers=1) as executor:
        loading = executor.submit(load_vad, settings, reports)
        letta = letta_client(settings, ProviderLimiter("think", "Letta", settings, reports))
        tts = make_tts(settings, reports)
        asyncio.run(_rehearse())
        detector = SharedVAD(loading.result() or LoudnessVAD(settings))
    stt = make_stt(settings, detector, reports)
    process.userdata[READY] = Ready(settings, letta, detector, stt, tts, reports)
    logger.debug("job process ready after %.0f ms", (time.perf_counter() - began) * 1000)


def letta_client(settings: AgentSettings, limiter: ProviderLimiter) -> AsyncLetta:
    client = AsyncLetta(
        base_url=settings.letta_base_url,
        api_key=revealed(settings.letta_api_key) or http_clients.NO_KEY,
        timeout=http_clients.LETTA_TIMEOUT,
        max_retries=1,
        http_client=http_clients.http_client(limiter),
    )
    _ = client.conversations.messages, client.agents  # imported when first asked for
    return client


async def _rehearse() -> None:
    """The first sound source starts LiveKit's native runtime; the first session is slow too."""
    rtc.Room()
    await rtc.AudioSource(SAMPLE_RATE, 1).aclose()
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "vad"})
    await session.aclose()
