"""What a retired worker tells of its calls, and the port that it shares for a moment."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import psutil
import pytest

import agent
from agent.worker import status, takeover
from agent.worker.metrics import WorkerMetrics
from agent.worker.status import Job, StatusPortTaken
from agent.worker.takeover import RetiredWorker, calls_of_retired, load_all, path_of
from tests.running_system import free_ports

CALL = Job("AJ_1", "room", 12.5)


def written_by(folder: Path, pid: int, started: float) -> Path:
    path = path_of(folder, pid)
    state = {"pid": pid, "started": started, "delivers": False, "jobs": [vars(CALL)]}
    path.write_text(json.dumps(state))
    return path


def test_another_process_with_the_same_pid_has_no_calls(tmp_path: Path) -> None:
    written_by(tmp_path, psutil.Process().ppid(), 1.0)
    assert calls_of_retired(tmp_path) == []


def test_a_worker_does_not_count_its_own_calls_twice(tmp_path: Path) -> None:
    retired = RetiredWorker(tmp_path / "spool")
    retired.publish([CALL], delivers=True)
    assert len(list((tmp_path / "spool").glob("*.json"))) == 1
    assert calls_of_retired(tmp_path / "spool") == []
    retired.close()
    assert list((tmp_path / "spool").iterdir()) == []


def worker(pid: int) -> status.WorkerState:
    return status.WorkerState(True, "a", "id", 1.0, "ws://x", 0.0, [], pid, "1", "0", None, False)


async def test_a_port_is_shared_only_when_asked_and_answers_all_the_time() -> None:
    port, metrics = free_ports(1)[0], WorkerMetrics()
    first = await status.serve(lambda: worker(1), metrics, port)
    with pytest.raises(StatusPortTaken):
        await status.serve(lambda: worker(2), metrics, port)
    known = asyncio.Event()
    second = await status.serve(lambda: worker(2), metrics, port, shared=known)
    await first.cleanup()
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/worker"))
        done, _ = await asyncio.wait({asking}, timeout=0.1)
        assert not done, "the calls of the other one are not known yet"
        known.set()
        async with await asking as answer:
            assert (await answer.json())["pid"] == 2
    await second.cleanup()


def test_changed_code_is_checked_in_the_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(takeover.AGENT_FOLDER / "__init__.py") == agent.__file__
    load_all()
    broken = tmp_path / "worker" / "broken.py"
    broken.parent.mkdir()
    broken.write_text("def broken(:\n")
    monkeypatch.setattr(takeover, "AGENT_FOLDER", tmp_path)
    with pytest.raises(SyntaxError, match=r"broken\.py"):
        load_all()
