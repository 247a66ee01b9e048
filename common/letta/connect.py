"""Which Letta the settings name."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from common.letta.app_server import AppServer
from common.letta.backend import Backend
from common.settings import LettaServerSettings, revealed

NO_KEY = "none-needed"  # the client insists on a key; servers of one's own rarely want one
TIMEOUT_S = 10.0


def connect(
    settings: LettaServerSettings,
    *,
    timeout: Any = TIMEOUT_S,
    http_client: Any = None,
) -> Backend:
    """Nothing is asked before the first request. `timeout` in seconds or as httpx has it,
    `http_client` of httpx for who limits the requests."""
    key = revealed(settings.letta_api_key) or NO_KEY
    if settings.letta_backend == "app-server":
        folder = os.environ.get("VOICE_HOME") or tempfile.gettempdir()
        return AppServer(settings.letta_base_url, key, Path(folder) / "letta-memory.lock")

    from letta_client import AsyncLetta  # half a second, for those only who use it

    from common.letta.v1 import V1

    client = AsyncLetta(
        base_url=settings.letta_base_url,
        api_key=key,
        timeout=timeout,
        max_retries=1,  # a connection that was kept open may be closed just when it is used
        http_client=http_client,
    )
    _ = client.conversations.messages, client.agents  # imported when first asked for
    return V1(client)
