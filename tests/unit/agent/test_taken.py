"""Jobs count from the moment the worker takes them, not only once they have a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from livekit.agents import JobRequest
from livekit.protocol import agent as protocol

from agent.timeline.job_book import JobBook
from agent.worker.server import SERVER_LIMIT, WatchedServer, load_of, request

Accept = Callable[[Any], Coroutine[Any, Any, None]]


class Jobs:
    """Job requests that wait for a process until `free` is set; what was refused."""

    def __init__(self) -> None:
        self.server = WatchedServer(
            process_ended=lambda _: None,
            init_timed_out=lambda: None,
            ws_url="ws://localhost:1",
            api_key="k",
            api_secret="s" * 32,
        )
        self.free = asyncio.Event()
        self.refused: list[str] = []
        self.error: Exception | None = None

    def ask(self, job_id: str, most: int = 3) -> asyncio.Task[None]:
        async def accept(_: Any) -> None:
            await self.free.wait()
            if self.error is not None:
                raise self.error

        async def reject(_: Any) -> None:
            self.refused.append(job_id)

        job = protocol.Job(id=job_id)
        job.room.name = f"room of {job_id}"
        made = JobRequest(job=job, on_reject=reject, on_accept=accept)
        return asyncio.create_task(request(made, self.server, most, JobBook(None)))


@pytest.fixture
async def jobs() -> Jobs:
    return Jobs()


async def test_a_job_that_waits_for_a_process_is_known(jobs: Jobs) -> None:
    task = jobs.ask("AJ_1")
    await asyncio.sleep(0)
    assert jobs.server.waiting == {"AJ_1": "room of AJ_1"}
    assert jobs.server.taken == 1
    assert load_of(jobs.server, 2) == SERVER_LIMIT / 2
    jobs.free.set()
    await task
    assert jobs.server.taken == 0


async def test_a_job_that_got_no_process_is_forgotten(jobs: Jobs) -> None:
    jobs.error = RuntimeError("no process became available")
    jobs.free.set()
    with pytest.raises(RuntimeError):
        await jobs.ask("AJ_1")
    assert jobs.server.waiting == {}


async def test_those_that_wait_count_against_the_most(jobs: Jobs) -> None:
    tasks = [jobs.ask(f"AJ_{number}") for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert jobs.refused == ["AJ_3", "AJ_4"]
    assert jobs.server.taken == 3
    jobs.free.set()
    await asyncio.gather(*tasks)
