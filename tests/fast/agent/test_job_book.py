"""What a killed job cannot tell, its worker tells; what a killed worker cannot, the next one."""

from __future__ import annotations

import json
import logging
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import JobRequest
from livekit.protocol import agent as protocol

from agent.timeline.job_book import CRASHED, EndedProcess, JobBook, report_orphans
from agent.timeline.spool import left_alone, spooled


def request(job_id: str, room: str = "r") -> JobRequest:
    async def answered(_: object) -> None:
        raise AssertionError("the book does not answer")

    job = protocol.Job(id=job_id)
    job.room.name = room
    return JobRequest(job=job, on_reject=answered, on_accept=answered)


def told(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(spooled(folder))
        for line in path.read_text().splitlines()
    ]


def ended(job_id: str, exit_code: int | None, killed: bool = False) -> EndedProcess:
    return EndedProcess(job_id, "r", 4711, exit_code, killed)


@pytest.mark.parametrize(
    ("exit_code", "killed", "expected"),
    [
        (0, False, {"exit_code": 0, "signal": None, "reason": "the job is over"}),
        (3, False, {"exit_code": 3, "signal": None, "reason": "it exited with code 3"}),
        (
            -signal.SIGKILL,
            False,
            {"exit_code": None, "signal": "SIGKILL", "reason": "it was killed by SIGKILL"},
        ),
        (
            -signal.SIGKILL,
            True,
            {
                "exit_code": None,
                "signal": "SIGKILL",
                "reason": "the worker killed it, because it did not answer or did not end in time",
            },
        ),
    ],
)
def test_how_a_process_ended(
    tmp_path: Path, exit_code: int, killed: bool, expected: dict[str, object]
) -> None:
    book = JobBook(tmp_path, "ws://localhost:7880")
    book.accepted(request("AJ_1"), "AW_1")
    book.process_ended(ended("AJ_1", exit_code, killed))
    accepted, over = told(tmp_path)
    assert accepted["name"] == "accepted"
    assert accepted["data"] == {
        "job_id": "AJ_1",
        "worker_id": "AW_1",
        "code": book.code,
        "sfu": "ws://localhost:7880",
    }
    assert re.fullmatch("[0-9a-f]{8}", book.code)
    assert over["name"] == "process_ended"
    assert {**over["data"], **expected} == over["data"]
    assert (over["data"]["pid"], over["data"]["error"]) == (4711, None)
    (path,) = spooled(tmp_path)
    with left_alone(path) as alone:
        assert alone, "nothing more will come of this job"
    book.close()


def test_the_last_line_of_what_the_job_raised(tmp_path: Path) -> None:
    book = JobBook(tmp_path)
    book.accepted(request("AJ_1"), "AW_1")
    log = logging.getLogger("livekit.agents")
    traceback = "Traceback (most recent call last):\n  File \"x.py\"\nKeyError: 'voice'"
    log.error("something else", extra={"job_id": "AJ_1"})
    log.error(f"{CRASHED}\n{traceback}", extra={"job_id": "AJ_1"})
    log.error(f"{CRASHED}\nValueError: of another", extra={"job_id": "AJ_2"})
    book.process_ended(ended("AJ_1", 0))
    data = told(tmp_path)[1]["data"]
    assert data["error"] == "KeyError: 'voice'"
    assert data["reason"] == "the job crashed: KeyError: 'voice'"
    book.close()


def test_a_refused_job_and_a_worker_that_stops(tmp_path: Path) -> None:
    book = JobBook(tmp_path)
    book.refused(request("AJ_1"), "there are 25 calls already (AGENT_MAX_JOBS is 25)")
    book.accepted(request("AJ_2"), "AW_1")
    book.close()
    refused, _, stopped = told(tmp_path)
    assert refused["name"] == "refused" and "AGENT_MAX_JOBS" in refused["data"]["reason"]
    assert stopped["data"]["reason"] == "the worker was stopped"
    assert stopped["room"] == "r"


def test_a_job_that_ends_because_its_worker_stops(tmp_path: Path) -> None:
    book = JobBook(tmp_path)
    for job_id in ("AJ_1", "AJ_2", "AJ_3"):
        book.accepted(request(job_id), "AW_1")
    book.process_ended(ended("AJ_1", 0))
    book.stopping = True
    book.process_ended(ended("AJ_2", 0))
    book.process_ended(ended("AJ_3", -9, False))
    book.close()
    ends = {
        one["data"]["job_id"]: (one["data"]["worker_stopped"], one["data"]["reason"])
        for one in told(tmp_path)
        if one["name"] == "process_ended"
    }
    assert ends == {
        "AJ_1": (False, "the job is over"),
        "AJ_2": (True, "the worker was stopped"),
        "AJ_3": (True, "it was killed by SIGKILL"),
    }


def test_without_a_timeline_nothing_is_written(tmp_path: Path) -> None:
    book = JobBook(None)
    book.accepted(request("AJ_1"), "AW_1")
    book.process_ended(ended("AJ_1", 0))
    book.close()
    assert list(tmp_path.iterdir()) == []


def test_the_next_worker_tells_the_end_of_the_calls_of_one_that_died(tmp_path: Path) -> None:
    over, running, here = JobBook(tmp_path), JobBook(tmp_path), JobBook(tmp_path)
    over.accepted(request("AJ_over"), "AW_1")
    over.process_ended(ended("AJ_over", 0))
    running.accepted(request("AJ_died", "another room"), "AW_1")
    for _, spool in running._open.values():
        spool.close()  # as the kernel does for a killed worker
    here.accepted(request("AJ_here"), "AW_2")

    for _ in range(2):  # a second worker that dies tells it no second time
        report_orphans(tmp_path)
    ends = [one for one in told(tmp_path) if one["name"] == "process_ended"]
    assert {one["data"]["job_id"] for one in ends} == {"AJ_over", "AJ_died"}
    (orphan,) = [one for one in ends if one["data"]["job_id"] == "AJ_died"]
    assert orphan["room"] == "another room" and "is gone" in orphan["data"]["reason"]
    assert orphan["data"]["exit_code"] is None and orphan["data"]["signal"] is None
    assert len({one["key"] for one in told(tmp_path)}) == len(told(tmp_path))
    for book in (over, running, here):
        book.close()
