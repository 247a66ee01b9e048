"""The worker's server: whether it is registered, its status, and which jobs count.

Against a LiveKit server made of one WebSocket. A job counts from the moment it is taken.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from livekit.agents import JobContext, JobRequest
from livekit.protocol import agent as protocol

from agent.timeline.job_book import JobBook
from agent.worker import status
from agent.worker.metrics import WorkerMetrics
from agent.worker.server import SERVER_LIMIT, WatchedServer, load_of, request
from agent.worker.status import Job, WorkerState


class Sfu:
    """Registers every worker that connects; `drop()` cuts the connection."""

    def __init__(self) -> None:
        self.url = ""
        self.accepts = True
        self.registered: asyncio.Queue[protocol.RegisterWorkerRequest] = asyncio.Queue()
        self._sockets: list[web.WebSocketResponse] = []

    async def serve(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes([web.get("/agent", self._agent)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def drop(self) -> None:
        self.accepts = False
        for each in self._sockets:
            await each.close()

    async def _agent(self, request: web.Request) -> web.WebSocketResponse:
        if not self.accepts:
            raise web.HTTPUnauthorized
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self._sockets.append(ws)
        message = protocol.WorkerMessage()
        message.ParseFromString(await ws.receive_bytes())
        answer = protocol.ServerMessage()
        answer.register.worker_id = "AW_test"
        await ws.send_bytes(answer.SerializeToString())
        self.registered.put_nowait(message.register)
        async for _ in ws:
            pass
        return ws


async def no_call(ctx: JobContext) -> None:
    raise AssertionError("no job is dispatched in these tests")


@pytest.fixture
async def sfu() -> AsyncIterator[Sfu]:
    sfu = Sfu()
    runner = await sfu.serve()
    yield sfu
    await runner.cleanup()


@pytest.fixture
async def server(sfu: Sfu) -> AsyncIterator[WatchedServer]:
    server = WatchedServer(
        process_ended=lambda _: None,
        init_timed_out=lambda: None,
        ws_url=sfu.url,
        api_key="key",
        api_secret="a secret of at least 32 characters",
        host="127.0.0.1",
        port=0,
        num_idle_processes=0,
        load_fnc=lambda: 0.0,
    )
    server.rtc_session(no_call, agent_name="voice")
    running = asyncio.create_task(server.run())
    yield server
    await server.aclose()
    await running


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 (the framework tells nobody)
            await asyncio.sleep(0.01)


async def test_registered_only_while_connected(server: WatchedServer, sfu: Sfu) -> None:
    assert not server.registration.registered
    asked = await asyncio.wait_for(sfu.registered.get(), 5)
    assert asked.agent_name == "voice"
    registration = server.registration
    await until(lambda: registration.registered)
    assert registration.worker_id == "AW_test"

    await sfu.drop()
    await until(lambda: not registration.registered)
    assert registration.worker_id is None
    assert registration.last_error

    sfu.accepts = True
    await until(lambda: registration.registered)
    assert registration.last_error is None


async def test_why_it_cannot_register_is_told(server: WatchedServer, sfu: Sfu) -> None:
    await asyncio.wait_for(sfu.registered.get(), 5)
    registration = server.registration
    await until(lambda: registration.registered)
    await sfu.drop()
    await until(lambda: "rejects LIVEKIT_API_KEY" in str(registration.last_error))
    assert not registration.registered


async def test_no_process_is_made_while_a_call_begins(server: WatchedServer) -> None:
    await until(lambda: server._spawn_delay is not None)
    pool = server._proc_pool
    pool.set_target_idle_processes(2)
    pool.emit("process_job_launched", object())
    assert pool.target_idle_processes == 0


@pytest.fixture
async def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


NOT_YET = WorkerState(
    registered=False,
    agent_name="voice",
    worker_id=None,
    registered_at=None,
    livekit_url="ws://localhost:7880",
    load=0.0,
    jobs=[],
    pid=1,
    version="1.8.9",
    code="0123abcd",
    last_error=None,
    stopping=False,
)


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status, await response.text()


async def test_the_status_follows_the_registration(port: int) -> None:
    now = NOT_YET
    runner = await status.serve(lambda: now, WorkerMetrics(), port)
    try:
        code, text = await get(f"http://127.0.0.1:{port}/")
        assert code == 503
        assert "not registered with the LiveKit server at ws://localhost:7880" in text

        now = replace(NOT_YET, registered=True, worker_id="AW_1", jobs=[Job("AJ_1", "r", 1.5)])
        assert await get(f"http://127.0.0.1:{port}/") == (200, "registered")
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://localhost:{port}/worker") as response,
        ):
            told = await response.json()
        assert told["worker_id"] == "AW_1"
        assert told["jobs"] == [{"id": "AJ_1", "room": "r", "since": 1.5}]

        now = replace(NOT_YET, stopping=True)
        assert (await get(f"http://127.0.0.1:{port}/"))[0] == 503
    finally:
        await runner.cleanup()


async def test_a_busy_port_is_told_with_the_setting_that_moves_it() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        with pytest.raises(status.StatusPortTaken, match=rf"port {taken} is in use.*AGENT_PORT"):
            await status.serve(lambda: NOT_YET, WorkerMetrics(), taken)


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
