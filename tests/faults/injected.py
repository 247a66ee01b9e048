"""Faults that are put into a running part, and taken out again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from livekit import api

from tests.faults.loop_thread import LoopThread
from tests.running_system import System
from tests.system.checkout import wait_for


@contextmanager
def models_fail(system: System, endpoint: str, **how: Any) -> Iterator[None]:
    """The models server fails at an endpoint, in one of the ways of dev/models/faults.py."""
    faults = f"http://localhost:{system.port('MODELS_PORT')}/faults"
    answer = httpx.post(faults, json={"endpoint": endpoint, **how})
    assert answer.status_code == 201, answer.text
    try:
        yield
    finally:
        httpx.delete(faults).raise_for_status()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process and its children stand still (SIGSTOP) for a while."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            with suppress(psutil.NoSuchProcess):  # a restart may have ended it meanwhile
                each.resume()


@contextmanager
def still(*processes: psutil.Process) -> Iterator[None]:
    """These, and none of their children, stand still for a while."""
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.resume()


@contextmanager
def broken_letta_memory(home: Path) -> Iterator[None]:
    """Where the Letta of this VOICE_HOME keeps its conversations stands something else a while."""
    backend = home / "letta" / "app-server" / ".letta" / "lc-local-backend"
    kept, aside = backend / "conversations", backend / "conversations-aside"
    kept.rename(aside)
    kept.write_text("not a folder")
    try:
        yield
    finally:
        kept.unlink()
        aside.rename(kept)


def job_process(system: System) -> psutil.Process:
    """The process of the one call that goes on: the worker's child that talks to the SFU."""
    worker = httpx.get(f"{system.agent_url}/worker").raise_for_status().json()["pid"]
    sfu = system.port("LIVEKIT_PORT")
    found = [
        child
        for child in psutil.Process(worker).children(recursive=True)
        if any(each.raddr and each.raddr.port == sfu for each in child.net_connections("tcp"))
    ]
    assert len(found) == 1, f"one process was to have a call: {found}"
    return found[0]


def wait_until_calls_are_over(system: System) -> None:
    """Return when the worker has no job any more."""

    def over() -> bool:
        answer = httpx.get(f"{system.agent_url}/worker").raise_for_status()
        return not answer.json()["jobs"]

    wait_for("the worker's jobs are over", over, 60.0)


def remove_agent(system: System, room: str) -> None:
    """The SFU throws the agent out of the room."""

    async def remove() -> None:
        async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as sfu:
            there = await sfu.room.list_participants(api.ListParticipantsRequest(room=room))
            (agent,) = [p for p in there.participants if p.kind == api.ParticipantInfo.Kind.AGENT]
            await sfu.room.remove_participant(
                api.RoomParticipantIdentity(room=room, identity=agent.identity)
            )

    with LoopThread() as loop:
        loop.run(remove())
