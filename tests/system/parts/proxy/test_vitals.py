"""The vitals of every process: as each tells its own, as they are read, answered and exported."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from proxy.probes import vital_signs
from tests.fast.proxy.conftest import StartProxy
from tests.fast.proxy.test_vitals import serve
from tests.running_system import free_ports

TOLD = {"pid": 1, "lag": 0.25, "errors": 9, "recent_errors": 3, "active_at": 5.0}


WORKER: dict[str, Any] = {
    "registered": True,
    "agent_name": "letta-voice-agent",
    "processes": [
        {"pid": 11, "memory_mb": 120, "memory_limit_mb": 500, "cpu": 0.1, "lag": 0.5, "errors": 0},
        {"pid": 12, "memory_mb": 150, "job": "AJ_1", "room": "r", "lag": 0.0, "errors": 2},
    ],
}


@pytest.fixture
async def others() -> AsyncIterator[str]:
    """One server that stands for models and worker."""

    async def vitals(_: web.Request) -> web.Response:
        return web.json_response(TOLD)

    async def worker(_: web.Request) -> web.Response:
        return web.json_response(WORKER)

    app = web.Application()
    app.add_routes([web.get("/vitals", vitals), web.get("/worker", worker)])
    (port,) = free_ports(1)
    runner = await serve(app, port)
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
def programs() -> Iterator[dict[str, psutil.Process]]:
    """Something that lives, for each process that has a launcher."""
    names = ("livekit", "models", "letta", "agent")
    started = {name: subprocess.Popen(["sleep", "60"]) for name in names}
    yield {name: psutil.Process(program.pid) for name, program in started.items()}
    for program in started.values():
        program.kill()
        program.wait()


async def test_every_process_is_told_with_its_vitals_and_exported(
    start_proxy: StartProxy,
    others: str,
    programs: dict[str, psutil.Process],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.api.health.FRESH_S", 0.0)
    monkeypatch.setattr(vital_signs, "EVERY_S", 0.2)
    launcher = _identity(psutil.Process())
    for name, program in programs.items():
        status = {
            "name": name, "state": "ready", "since": 1.0, "detail": "ready",
            "launcher": launcher, "program": _identity(program), "port": 1,
        }  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(status))
    proxy = await start_proxy(
        process_status_dir=tmp_path,
        models_url=f"{others}/v1",
        agent_url=others,
    )
    async with asyncio.timeout(20):
        while True:
            processes = (await proxy.get("/health")).json["processes"]
            if all(one["vitals"] for one in processes.values()):
                break
            await asyncio.sleep(0.1)
    exported = (await proxy.get("/metrics")).body.decode()
    letta, models = processes["letta"]["vitals"][0], processes["models"]["vitals"][0]
    assert (models["lag"], models["errors"], models["active_at"]) == (0.25, 3, 5.0)
    assert letta["pid"] == programs["letta"].pid and letta["memory_mb"] is not None
    for name in ("livekit", "letta"):
        assert processes[name]["vitals"][0]["lag"] is None, "it cannot be asked"
    worker, job = processes["agent"]["vitals"]
    assert (worker["pid"], worker["memory_limit_mb"]) == (11, 500)
    assert (job["job"], job["room"], job["errors"]) == ("AJ_1", "r", 2)
    mine = processes["proxy"]["vitals"][0]
    assert mine["memory_mb"] > 10 and mine["lag"] is not None
    samples = {
        (sample.name, sample.labels.get("process")): sample.value
        for family in text_string_to_metric_families(exported)
        for sample in family.samples
    }
    assert samples["voice_process_loop_lag_seconds", "models"] == 0.25
    assert samples["voice_process_memory_bytes", "agent"] == 120 * 2**20
    assert samples["voice_process_recent_errors", "models"] == 3
    assert samples["voice_process_last_activity_timestamp_seconds", "models"] == 5.0


def _identity(process: psutil.Process) -> dict[str, float]:
    return {"pid": process.pid, "start_time": process.create_time()}
