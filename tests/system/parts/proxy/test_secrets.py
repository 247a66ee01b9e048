"""No key in any answer or log line: secrets are planted everywhere, then everything is asked."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fast.proxy.conftest import LETTA_KEY, SECRET, StartProxy
from tests.fast.proxy.letta_server import AGENT, TOOL_SECRET, LettaServer
from tests.fast.proxy.worker import TinyWorker
from tests.system.parts.proxy.conftest import LiveKit

PLANTED = (SECRET, LETTA_KEY, TOOL_SECRET)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at DEBUG, unformatted by the proxy's own blotting."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


async def test_no_secret_leaves(
    start_proxy: StartProxy,
    livekit: LiveKit,
    letta: LettaServer,
    worker: TinyWorker,
    log: io.StringIO,
) -> None:
    await worker.start()
    letta.key = LETTA_KEY
    working = await start_proxy(
        livekit_url=livekit.url, letta_base_url=letta.url, agent_url=worker.status_url
    )
    failing = await start_proxy()
    refused = await start_proxy(
        livekit_url=livekit.url, livekit_api_key="unknown", letta_base_url=letta.url
    )
    paths: list[tuple[str, str, Any]] = [
        ("GET", path, None)
        for path in (
            "/debug",
            "/api/config",
            "/api/agents",
            f"/api/agents/{AGENT['id']}/memory",
            "/api/dispatch-agent/secrets",
            "/health",
            "/health/agent",
            "/healthz",
            "/api/openapi.json",
            "/letta/v1/agents",
            f"/letta/v1/agents/{AGENT['id']}",
            "/letta/v1/models",
            "/letta/v1/health",
            "/letta/v1/tools",
            "/nothing",
        )
    ]
    paths += [
        ("POST", "/api/token", {"room": "secrets"}),
        ("POST", "/api/agents", {"name": "new"}),
        ("POST", "/api/dispatch-agent", {"room": "secrets", "agent_id": AGENT["id"]}),
        ("POST", "/api/test-livekit-connection", {}),
        ("POST", "/webhooks/livekit", {"event": "room_started"}),
    ]
    for proxy in (working, failing, refused):
        answers = await asyncio.gather(
            *(proxy.ask(method, path, json=body) for method, path, body in paths)
        )
        for (method, path, _), answer in zip(paths, answers, strict=True):
            told = f"{answer.headers} {answer.body.decode()}"
            for secret in PLANTED:
                assert secret not in told, f"{method} {path} tells a secret: {told[:500]}"
        assert answers[-1].status == 401
    logged = log.getvalue()
    assert "secrets" in logged  # the room: something was logged
    for secret in PLANTED:
        assert secret not in logged
