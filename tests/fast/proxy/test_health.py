"""Health: status files that may lie, processes that may hang, and what a dispatch would meet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.process_records import Identity
from proxy.api.health import describe
from proxy.clients.registration import Worker, WorkerStatus
from proxy.settings import ProxySettings
from tests.fast.proxy.conftest import StartProxy
from tests.fast.proxy.letta_server import LettaServer
from tests.fast.proxy.status_files import STARTED


async def test_without_launchers_the_proxy_asks_by_itself(
    start_proxy: StartProxy, letta: LettaServer
) -> None:
    proxy = await start_proxy(letta_base_url=letta.url)
    answer = await proxy.get("/health")
    states = {name: process["state"] for name, process in answer.json["processes"].items()}
    assert states == {"livekit": "stopped", "letta": "ready", "agent": "stopped", "proxy": "ready"}


def test_a_pid_counts_only_with_its_start_time(tmp_path: Path) -> None:
    assert Identity(pid=os.getpid(), start_time=STARTED).alive
    assert not Identity(pid=os.getpid(), start_time=STARTED - 2).alive
    assert not Identity(pid=2**22 + 1, start_time=1.0).alive


async def test_liveness_asks_nobody(start_proxy: StartProxy) -> None:
    answer = await (await start_proxy()).get("/healthz")
    assert (answer.status, answer.json) == (200, {"success": True, "status": "ok"})


async def test_no_worker(start_proxy: StartProxy) -> None:
    answer = await (await start_proxy()).get("/health/agent")
    assert (answer.status, answer.json["error"]) == (503, "AGENT_NOT_REGISTERED")
    assert "connection refused" in answer.json["message"]
    assert "restart_voice_system.sh agent" in answer.json["next_step"]


async def test_something_else_at_the_workers_address(
    start_proxy: StartProxy, letta: LettaServer
) -> None:
    proxy = await start_proxy(agent_url=f"{letta.url}/v1/agents")
    answer = await proxy.get("/health/agent")
    assert "404" in answer.json["message"] or "something else" in answer.json["message"]


@pytest.mark.parametrize(
    ("exported", "named"),
    [({"HTTPS_PROXY": "http://127.0.0.1:3128"}, "HTTPS_PROXY"), ({}, "a network proxy")],
)
def test_a_worker_that_asks_a_network_proxy_is_not_blamed_on_url_and_keys(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, str], named: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    status = WorkerStatus(
        registered=False,
        agent_name="letta-voice-agent",
        livekit_url="ws://localhost:7880",
        last_error="it cannot be reached (Cannot connect to host 127.0.0.1:3128 ssl:default)",
    )

    answer = describe(Worker("http://localhost:8091", status), ProxySettings())

    assert "it asked 127.0.0.1:3128" in answer.message
    assert "and not ws://localhost:7880" in answer.message
    assert named in answer.message
    assert answer.next_step.startswith("Unset HTTP")
    assert "LIVEKIT_API_KEY" not in answer.next_step
