"""Health: status files that may lie, processes that may hang, and what a dispatch would meet."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from proxy.probes import status_files
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.letta_server import LettaServer
from tests.fast.proxy.status_files import MYSELF, write
from tests.fast.proxy.worker import TinyWorker
from tests.system.parts.proxy.conftest import LiveKit, halted


@pytest.fixture
async def healthy(
    start_proxy: StartProxy,
    livekit: LiveKit,
    letta: LettaServer,
    worker: TinyWorker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Proxy:
    """A proxy in a system in which all is well; the models server is played by Letta's.

    What it is asked, it asks anew: what a test has just changed is not in an earlier answer.
    """
    monkeypatch.setattr("proxy.api.health.FRESH_S", 0.0)
    await worker.start()
    for name in ("livekit", "models", "letta", "agent", "proxy"):
        write(tmp_path, name)
    return await start_proxy(
        livekit_url=livekit.url,
        letta_base_url=letta.url,
        models_url=f"{letta.url}/v1/models/embedding?",
        agent_url=worker.status_url,
        process_status_dir=tmp_path,
    )


async def test_all_is_well(healthy: Proxy) -> None:
    answer = await healthy.get("/health")
    assert (answer.status, answer.json["success"], answer.json["status"]) == (200, True, "ok")
    processes = answer.json["processes"]
    assert [*processes] == ["livekit", "models", "letta", "agent", "proxy"]
    assert processes["letta"] == {
        "state": "ready",
        "since": 1.0,
        "detail": "ready after 1.0 s",
        "answers": True,
        "port": 1,
        "pid": os.getpid(),
        "restarts": 0,
        "cause": "",
        "log": [],
        "vitals": [],
    }


async def test_a_process_that_starts_is_waited_for(healthy: Proxy, tmp_path: Path) -> None:
    write(tmp_path, "letta", state="starting", detail="importing")
    answer = await healthy.get("/health")
    assert (answer.status, answer.json["status"]) == (503, "starting")
    assert (answer.json["success"], answer.json["error"]) == (False, "NOT_READY")
    assert answer.json["message"] == "letta is starting: importing"


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [
        ({"state": "failed", "detail": "port 8283 is taken"}, "failed", "port 8283 is taken"),
        ({"launcher": {**MYSELF, "start_time": 5.0}}, "stopped", "Its launcher is gone"),
        ({"launcher": None}, "stopped", "Its launcher is gone"),
        (
            {"state": "monitoring", "detail": "no answer", "answers": False},
            "monitoring",
            "no answer",
        ),
    ],
)
async def test_what_is_wrong_is_said(
    healthy: Proxy, tmp_path: Path, status: dict[str, Any], state: str, told: str
) -> None:
    write(tmp_path, "letta", **status)
    answer = await healthy.get("/health")
    assert (answer.status, answer.json["status"]) == (503, "failing")
    assert answer.json["processes"]["letta"]["state"] == state
    assert told in answer.json["message"]


async def test_a_crash_is_seen_while_the_program_starts_again(
    healthy: Proxy, tmp_path: Path
) -> None:
    told = "letta ended with exit code 1: ValueError: no"
    crash = {"cause": "crashed", "detail": told, "log": ["ValueError: no"], "restarts": 1}
    write(tmp_path, "letta", state="restarting", **crash)
    answer = await healthy.get("/health")
    assert (answer.status, answer.json["status"]) == (503, "starting")
    process = answer.json["processes"]["letta"]
    assert {name: process[name] for name in crash} == crash
    assert told in answer.json["message"]


def test_a_program_that_ended_while_its_launcher_is_stopped_is_not_there(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as launcher:
        try:
            started = psutil.Process(launcher.pid).create_time()
            gone = {**MYSELF, "start_time": 5.0}
            write(
                tmp_path,
                "agent",
                launcher={"pid": launcher.pid, "start_time": started},
                program=gone,
            )
            found = status_files.read(tmp_path, "agent")
            assert found is not None and found.state == "restarting"
            launcher.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, launcher.pid, os.WSTOPPED)
            found = status_files.read(tmp_path, "agent")
            assert found is not None and found.state == "stopped"
            assert f"kill -CONT {launcher.pid}" in found.detail
        finally:
            launcher.kill()


async def test_a_service_elsewhere_that_answers_is_well(healthy: Proxy, tmp_path: Path) -> None:
    write(tmp_path, "letta", state="monitoring", detail="answers", answers=True, program=None)
    assert (await healthy.get("/health")).json["status"] == "ok"


async def test_ready_by_the_file_but_not_answering(healthy: Proxy, letta: LettaServer) -> None:
    await letta.aclose()
    answer = await healthy.get("/health")
    process = answer.json["processes"]["letta"]
    assert (answer.json["status"], process["answers"]) == ("failing", False)
    assert "does not do its work: no answer from" in process["detail"]
    assert "connection refused" in process["detail"]


async def test_ready_by_the_file_but_hanging(
    healthy: Proxy, livekit: LiveKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.probes.question.OWN_LIMIT_S", 0.3)
    with halted(livekit.pid):
        answer = await healthy.get("/health")
    assert answer.json["processes"]["livekit"]["answers"] is False
    assert "took the connection, but did not answer within 0.3 s" in answer.json["message"]


async def test_a_worker_that_runs_but_is_not_registered_is_not_well(
    healthy: Proxy, worker: TinyWorker
) -> None:
    await worker.vanish()
    answer = await healthy.get("/health")
    assert answer.json["processes"]["agent"]["answers"] is False
    assert "not registered" in answer.json["processes"]["agent"]["detail"]


async def test_an_unreadable_file_is_no_file(healthy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "letta.json").write_text("{cut o")
    process = (await healthy.get("/health")).json["processes"]["letta"]
    assert process["state"] == "ready"
    assert process["detail"] == "It answers. No launcher watches it."


async def test_a_registered_worker(healthy: Proxy, worker: TinyWorker) -> None:
    answer = await healthy.get("/health/agent")
    assert answer.status == 200
    told = answer.json
    assert (told["success"], told["registered"], told["name_matches"]) == (True, True, True)
    assert told["agent_name"] == told["expected_name"] == "letta-voice-agent"
    assert (told["worker_id"], told["jobs"], told["load"]) == (worker.worker_id, [], 0.0)
    assert told["next_step"] == ""


async def test_a_worker_of_another_name(healthy: Proxy, worker: TinyWorker) -> None:
    worker.name = "somebody-else"
    answer = await healthy.get("/health/agent")
    assert (answer.status, answer.json["error"]) == (503, "AGENT_NAME_MISMATCH")
    assert answer.json["registered"] is True
    assert "'somebody-else'" in answer.json["message"]
    assert "'letta-voice-agent'" in answer.json["message"]
    assert "LIVEKIT_AGENT_NAME" in answer.json["next_step"]


async def test_a_worker_at_another_server_is_pointed_out(
    healthy: Proxy, worker: TinyWorker
) -> None:
    worker.url = "wss://user:planted@elsewhere.example"
    told = (await healthy.get("/health/agent")).json
    assert "It is at wss://elsewhere.example, but the proxy uses" in told["message"]
