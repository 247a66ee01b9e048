"""The worker's eye on itself: figures of real processes, what it warns of, and when it asks for an
replacement."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from agent.worker import monitor
from agent.worker.monitor import Monitor
from agent.worker.server import WatchedServer

HUGE, TINY = 100_000, 1


class Server:
    """What of an AgentServer the monitor looks at, with a real process for the job."""

    def __init__(self, pid: int) -> None:
        self.processes = [(pid, "AJ_1", "r")]
        self.taken = 1
        self.calls_held = 0


@pytest.fixture
def server() -> Iterator[Server]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield Server(child.pid)
        child.kill()


def watching(server: Server, limit: int = HUGE) -> tuple[Monitor, list[str]]:
    asked: list[str] = []
    return Monitor(cast(WatchedServer, server), limit, asked.append), asked


def told(stage: str, name: str, **data: Any) -> dict[str, Any]:
    return {"at": 1.0, "stage": stage, "name": name, "data": data, "key": "AJ_1-abcd-1"}


def test_each_process_has_its_figures(server: Server) -> None:
    watch, _ = watching(server)
    for _ in range(3):
        watch.observe(told("think", "error", message="no"))
    watch.observe(told("job", "health", lag=1.5))
    watch.look()
    own, job = watch.processes
    assert (own.pid, own.job, own.room) == (os.getpid(), None, None)
    assert own.memory_mb > 10 and own.memory_limit_mb == HUGE
    assert (job.job, job.room, job.errors, job.lag) == ("AJ_1", "r", 3, 1.5)
    assert watch.job_lag == 1.5
    began = time.process_time()
    while time.process_time() - began < 0.2:
        pass
    watch.look()
    assert watch.processes[0].cpu > 0.05


def test_a_process_that_is_gone_is_passed_over(server: Server) -> None:
    watch, _ = watching(server)
    server.processes.append((2**22 - 7, "AJ_2", "s"))
    watch.look()
    assert [one.job for one in watch.processes] == [None, "AJ_1"]


def test_what_is_wrong_is_logged_once_with_its_call(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "IDLE", 0.0)
    watch, _ = watching(server, TINY)
    for _ in range(monitor.MOST_ERRORS + 1):
        watch.observe(told("think", "error", message="no"))
    watch.observe(told("job", "health", lag=2.0))
    with caplog.at_level(logging.WARNING):
        watch.look()
        watch.look()
    said = [record.getMessage() for record in caplog.records]
    for words in ("nothing has been said", "met 11 errors", "stood still for 2.0 s"):
        assert len([one for one in said if words in one]) == 1, said
    assert len([one for one in said if "AGENT_MEMORY_LIMIT_MB is 1" in one]) >= 1
    caplog.clear()
    monkeypatch.setattr(monitor, "IDLE", 300.0)
    watch.observe(told("hear", "speech_started"))
    watch.look()
    monkeypatch.setattr(monitor, "IDLE", 0.0)
    with caplog.at_level(logging.WARNING):
        watch.look()
    assert "nothing has been said" in caplog.text, "it is idle once more"


def test_figures_are_no_activity_of_a_call(server: Server) -> None:
    watch, _ = watching(server)
    watch.observe(told("hear", "speech_started"))
    watch.look()
    spoken = watch.processes[1].active_at
    time.sleep(0.01)
    watch.observe(told("job", "health", lag=0.0))
    watch.look()
    assert watch.processes[1].active_at == spoken


def test_another_worker_is_asked_for_only_between_calls_and_not_again_at_once(
    server: Server,
) -> None:
    watch, asked = watching(server, TINY)
    watch.look()
    assert asked == [], "a call goes on"
    server.taken, server.processes = 0, []
    watch.look()
    assert asked == [], "it has held no call: another one would be as large"
    server.calls_held = 1
    server.taken = 1
    watch.look()
    assert asked == [], "the next call goes on"
    server.taken = 0
    watch.look()
    watch.look()
    (why,) = asked
    assert "over AGENT_MEMORY_LIMIT_MB (1)" in why


def test_a_worker_within_its_limit_stays(server: Server) -> None:
    watch, asked = watching(server, HUGE)
    server.taken, server.calls_held = 0, 5
    watch.look()
    assert asked == []
