"""What a job process makes ready before it has a call, so that the call begins at once; and how it
tells of its vitals during the call.

The modules are imported once, in the server that job processes are forked from
(agent/job/preload.py), and shared. What cannot be shared is made here, in each process: clients,
detector, and one throw-away session and room, because the first of each is slow.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil
from livekit import rtc
from livekit.agents import AgentSession, JobProcess
from livekit.agents.stt import STT
from livekit.agents.tts import TTS

from agent import http_clients
from agent.provider_limiter import ProviderLimiter
from agent.settings import AgentSettings, load
from agent.speech.levels import LevelMeter
from agent.speech.overlap import Overlap
from agent.speech.providers import make_stt, make_tts
from agent.speech.reports import Reports
from agent.speech.utterance_stream import SAMPLE_RATE
from agent.speech.vad import LoudnessVAD, SharedVAD
from agent.speech.vad import load as load_vad
from common import http_proxy
from common.letta.backend import Backend
from common.letta.connect import connect
from common.vitals import Vitals

logger = logging.getLogger("agent.process")

READY = "ready"  # key in the process's userdata
LATE = 0.5  # seconds by which a loop is late enough to be told before it is time
TOLD_EVERY, LATE_TOLD_EVERY, FIRST_TOLD = 60.0, 10.0, 10.0  # seconds
MB = 2**20


@dataclass
class Ready:
    """Made once a process, which has one call. `reports` says what the call must do without."""

    settings: AgentSettings
    letta: Backend
    detector: SharedVAD
    overlap: Overlap
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
        limiter = ProviderLimiter("think", "Letta", settings, reports)
        letta = connect(
            settings,
            timeout=http_clients.LETTA_TIMEOUT,
            http_client=http_clients.http_client(limiter),
        )
        tts = make_tts(settings, reports)
        asyncio.run(_rehearse())
        detector = SharedVAD(loading.result() or LoudnessVAD(settings), LevelMeter(reports))
    overlap = Overlap(reports)
    stt = make_stt(settings, detector, overlap, reports)
    process.userdata[READY] = Ready(settings, letta, detector, overlap, stt, tts, reports)
    logger.debug("job process ready after %.0f ms", (time.perf_counter() - began) * 1000)


async def _rehearse() -> None:
    """The first sound source starts LiveKit's native runtime; the first session is slow too."""
    rtc.Room()
    await rtc.AudioSource(SAMPLE_RATE, 1).aclose()
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "vad"})
    await session.aclose()


class JobVitals:
    """Tells the vitals of a job process as `job.health`: each minute, and when its loop is late."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit
        self._vitals = Vitals()
        self._process = psutil.Process()
        self._sent_at = time.monotonic() - TOLD_EVERY + FIRST_TOLD
        self._worst = 0.0
        logging.getLogger().addHandler(self._vitals)
        self._task = asyncio.create_task(self._vitals.watch(self._measured), name="vitals")

    def _measured(self, lag: float) -> None:
        self._worst = max(self._worst, lag)
        since = time.monotonic() - self._sent_at
        if since < TOLD_EVERY and (self._worst < LATE or since < LATE_TOLD_EVERY):
            return
        self._emit(
            "job",
            "health",
            lag=round(self._worst, 3),
            errors=self._vitals.errors,
            memory_mb=round(self._process.memory_info().rss / MB),
            cpu_s=round(time.process_time(), 1),
        )
        self._sent_at, self._worst = time.monotonic(), 0.0
