"""One TLS context for all HTTP clients of a call: reading the certificates takes 30 ms of CPU each
time.

agent/job/preload.py builds it, so that job processes inherit it. It is made by a private function
of LiveKit, so that our clients trust what LiveKit's own clients trust.
"""

from __future__ import annotations

import httpx
import httpx2
import openai
from livekit.agents.utils.http_context import _create_ssl_context

from agent.provider_limiter import LettaHttp, ProviderLimiter, SpeechHttp

CONNECT_TIMEOUT = 5.0
LETTA_TIMEOUT = httpx.Timeout(30.0, connect=CONNECT_TIMEOUT)
SPEECH_TIMEOUT = httpx2.Timeout(10.0, connect=CONNECT_TIMEOUT)
SPEECH_SILENCE = 6.0  # seconds without a byte of a text or of a voice
KEEP_ALIVE = 120.0  # seconds a connection stays open between two requests
NO_KEY = "none-needed"  # clients insist on a key; servers of one's own rarely do

CONTEXT = _create_ssl_context()


def http_client(limiter: ProviderLimiter) -> httpx.AsyncClient:
    return LettaHttp(
        limiter,
        verify=CONTEXT,
        timeout=LETTA_TIMEOUT,
        follow_redirects=True,
        limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE),
    )


def openai_client(base_url: str, key: str | None, limiter: ProviderLimiter) -> openai.AsyncClient:
    return openai.AsyncClient(
        base_url=base_url,
        api_key=key or NO_KEY,
        max_retries=0,  # the session retries
        http_client=SpeechHttp(
            limiter,
            SPEECH_SILENCE,
            verify=CONTEXT,
            timeout=SPEECH_TIMEOUT,
            follow_redirects=True,
            limits=httpx2.Limits(keepalive_expiry=KEEP_ALIVE),
        ),
    )
