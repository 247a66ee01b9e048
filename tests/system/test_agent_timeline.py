"""What happens in a call reaches the proxy's timeline, whatever becomes of the proxy or the job."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import psutil
import pytest
from livekit import api

from common.code_version import code_version
from dev.caller import Caller, ServerAccess
from tests.running_system import System
from tests.system.worker import Worker, wait_until

DELIVERED_S = 20.0
OVER = ("job.process_ended", "job.ended")  # they come from two processes, in any order
Happened = list[dict[str, Any]]


@pytest.fixture(scope="module")
def worker(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("worker")
    started = Worker(system, folder, "test-timeline", FAULTS_ENABLED="true")
    yield started
    started.stop()


def way_in(system: System, worker: Worker) -> ServerAccess:
    return ServerAccess(system.livekit_url, system.api_key, system.api_secret, worker.name)


async def timeline(system: System, room: str, enough: Callable[[Happened], bool]) -> Happened:
    """The agent's events of a room as the proxy has them, once there are enough."""
    url = f"{system.proxy_url}/api/rooms/{room}/events"
    found: Happened = []
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(DELIVERED_S),
            aiohttp.ClientSession() as http,
            http.get(url) as stream,
        ):
            async for line in stream.content:
                if not line.startswith(b"data:"):
                    continue
                event = json.loads(line.removeprefix(b"data:"))
                if event.get("source") == "agent":
                    found.append(event)
                if enough(found):
                    return found
    raise AssertionError(f"not enough after {DELIVERED_S:g} s: {names(found)}")


def program_of(system: System, name: str) -> int:
    program: Any = system.status(name)["program"]
    return int(program["pid"])


def names(happened: Happened) -> list[str]:
    return [f"{one['stage']}.{one['name']}" for one in happened]


def has(*wanted: str) -> Callable[[Happened], bool]:
    return lambda happened: set(wanted) <= set(names(happened))


def whole(caller: Caller, *wanted: str) -> Callable[[Happened], bool]:
    """All that the page was told, and these."""
    return lambda happened: (
        has(*wanted)(happened)
        and {one["key"] for one in caller.events} <= {one["key"] for one in happened}
    )


def one(happened: Happened, topic: str) -> dict[str, Any]:
    (found,) = [each["data"] for each in happened if f"{each['stage']}.{each['name']}" == topic]
    return dict(found)


def assert_complete(caller: Caller, happened: Happened) -> None:
    """All that the page was told is in the timeline, once and in the same order."""
    keys = [one["key"] for one in happened]
    assert len(set(keys)) == len(keys)
    told = [one["key"] for one in caller.events]
    assert [key for key in keys if key in set(told)] == told


async def test_a_call_is_in_the_timeline_in_order_and_once(system: System, worker: Worker) -> None:
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        assert (await caller.say("hello who are you")).answered
    happened = await timeline(system, caller.room, whole(caller, *OVER))
    assert_complete(caller, happened)
    for topic in [
        "job.accepted",
        "job.handshake_start",
        "hear.vad",
        "hear.linked",
        "job.ctx_connected",
        "job.session_started",
        "hear.speech_started",
        "transcribe.started",
        "transcribe.done",
        "think.request",
        "think.first_token",
        "speak.request",
        "speak.first_byte",
        "speak.done",
        "play.turn",
        "job.ended",
    ]:
        assert topic in names(happened), topic
    accepted = one(happened, "job.accepted")
    assert accepted["sfu"] == system.livekit_url
    assert accepted["code"] == code_version("agent", "common")
    ended = one(happened, "job.process_ended")
    assert (ended["exit_code"], ended["signal"]) == (0, None)
    assert "caller left" in one(happened, "job.ended")["reason"]
    await asyncio.to_thread(
        wait_until,
        lambda: not list(worker.spool.iterdir()),
        10,
        lambda: str(list(worker.spool.iterdir())),
    )


async def test_a_proxy_that_is_down_for_a_while_has_all_of_it_afterwards(
    system: System, worker: Worker
) -> None:
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        os.kill(program_of(system, "proxy"), signal.SIGKILL)
        assert (await caller.type("hello who are you")).answered, "a call needs no proxy"
        await asyncio.to_thread(
            wait_until, lambda: system.status("proxy")["state"] == "ready", 30, lambda: "no proxy"
        )
        assert (await caller.type("count to three")).answered
    happened = await timeline(system, caller.room, whole(caller, *OVER))
    assert_complete(caller, happened)
    assert names(happened).count("play.turn") == 2


async def test_a_killed_job_is_told_by_the_worker(system: System, worker: Worker) -> None:
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        await caller.type("hello")
        (job,) = [child for child in children(worker) if child_has_call(child, caller.room, worker)]
        os.kill(job, signal.SIGKILL)
        happened = await timeline(system, caller.room, whole(caller, "job.process_ended"))
    ended = one(happened, "job.process_ended")
    assert (ended["signal"], ended["exit_code"], ended["pid"]) == ("SIGKILL", None, job)
    assert "job.ended" not in names(happened)
    assert_complete(caller, happened)


def children(worker: Worker) -> list[int]:
    return [each.pid for each in psutil.Process(worker.process.pid).children(recursive=True)]


def child_has_call(pid: int, room: str, worker: Worker) -> bool:
    """Whether the process has the spool file of the room open."""
    with suppress(psutil.Error):
        files = psutil.Process(pid).open_files()
        return any(each.path.startswith(f"{worker.spool}/{room}--") for each in files)
    return False


async def dispatched(system: System, worker: Worker, fault: str) -> str:
    """A room with an agent that does something wrong, and nobody else in it."""
    room = f"fault-{uuid.uuid4().hex[:8]}"
    async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as server:
        await server.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(
                agent_name=worker.name, room=room, metadata=json.dumps({"fault": fault})
            )
        )
    return room


async def test_an_entrypoint_that_raises(system: System, worker: Worker) -> None:
    room = await dispatched(system, worker, "raise")
    happened = await timeline(system, room, has("job.process_ended", "job.error"))
    error = one(happened, "job.error")
    assert error["traceback"].rstrip().endswith("RuntimeError: failed on purpose in the entrypoint")
    ended = one(happened, "job.process_ended")
    assert ended["error"] == "RuntimeError: failed on purpose in the entrypoint"
    assert one(happened, "job.fault") == {"kind": "raise"}


async def test_a_job_process_that_exits(system: System, worker: Worker) -> None:
    room = await dispatched(system, worker, "exit")
    ended = one(await timeline(system, room, has("job.process_ended")), "job.process_ended")
    assert (ended["exit_code"], ended["signal"]) == (3, None)


async def test_a_job_that_leaves_hangs_or_is_late(system: System, worker: Worker) -> None:
    leaves, hangs, late = await asyncio.gather(
        *(
            dispatched(system, worker, kind)
            for kind in ("leave", "hang_before_connect", "slow_bootstrap")
        )
    )
    happened = await timeline(system, leaves, has(*OVER))
    assert "job.init_done" in names(happened) and one(happened, "job.ended")["reason"]
    happened = await timeline(system, late, has("job.session_started"))
    timed = one(happened, "job.session_started")["elapsed_ms"]
    assert timed - one(happened, "job.ctx_connected")["elapsed_ms"] > 5000
    happened = await timeline(system, hangs, has("hear.vad"))
    assert "job.ctx_connected" not in names(happened)


async def test_calls_of_a_worker_that_was_killed_are_told_by_the_next(
    system: System, worker: Worker
) -> None:
    """The last test: the worker is another one after it."""
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        await caller.type("hello")
        worker.process.kill()
        worker.process.wait()
        follower = await asyncio.to_thread(
            Worker, system, worker.spool.parent, worker.name, FAULTS_ENABLED="true"
        )
        try:
            happened = await timeline(system, caller.room, whole(caller, "job.process_ended"))
        finally:
            await asyncio.to_thread(follower.stop)
    assert "is gone" in one(happened, "job.process_ended")["reason"]
    assert_complete(caller, happened)
