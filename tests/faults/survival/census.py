"""What calls leave behind in the parts of a system: counted before, counted after."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import psutil
from livekit import api

from tests.faults.beside import beside
from tests.faults.survival.survival import until
from tests.running_system import System

LISTED = 200


@dataclass(frozen=True)
class Census:
    """How many of everything that a call makes there are now."""

    jobs: int
    rooms: int
    open_calls: int
    job_processes: int
    conversations: int
    forks: int
    spooled: int


@dataclass(frozen=True)
class Handles:
    """What a process holds open: each may grow a little by itself, but not with every call."""

    files: int
    threads: int

    def grown_since(self, before: Handles) -> int:
        return max(self.files - before.files, self.threads - before.threads)


def census(system: System, kept: Collection[str] = ()) -> Census:
    """Counted now, by asking each part; `kept`: rooms in which something was said, for Letta
    keeps one conversation of each."""
    worker = _get(f"{system.agent_url}/worker")
    calls = _get(f"{system.proxy_url}/api/calls")["calls"]
    known = {f"voice room {room}" for room in kept}
    summaries = [each for each in _conversations(system) if each not in known]
    return Census(
        jobs=len(worker["jobs"]),
        rooms=beside(_rooms(system)),
        open_calls=sum(each["ended"] is None for each in calls),
        job_processes=len(psutil.Process(worker["pid"]).children(recursive=True)),
        conversations=sum(each.startswith("voice room") for each in summaries),
        forks=sum("checkpoint" in each for each in summaries),
        spooled=sum(path.is_file() for path in (system.home / "spool").rglob("*")),
    )


def until_as_before(
    system: System, before: Census, within_s: float, kept: Collection[str] = ()
) -> None:
    """Return when there is no more of anything than before; AssertionError says of what."""
    now = before

    def so() -> bool:
        nonlocal now
        with suppress(psutil.NoSuchProcess):  # one ended while it was counted
            now = census(system, kept)
            pairs = zip(asdict(now).values(), asdict(before).values(), strict=True)
            return all(have <= had for have, had in pairs)
        return False

    try:
        until(so, "", within_s)
    except AssertionError:
        raise AssertionError(f"{within_s:g} s later there is {now}; before {before}") from None


def handles(system: System) -> dict[str, Handles]:
    """Of the proxy and of the worker."""
    worker = int(_get(f"{system.agent_url}/worker")["pid"])
    program = system.status("proxy")["program"]
    assert isinstance(program, dict)
    return {
        name: Handles(process.num_fds(), process.num_threads())
        for name, process in (
            ("worker", psutil.Process(worker)),
            ("proxy", psutil.Process(program["pid"])),
        )
    }


def _get(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(url, timeout=10).json()
    return answer


async def _rooms(system: System) -> int:
    async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as sfu:
        return len((await sfu.room.list_rooms(api.ListRoomsRequest())).rooms)


def _conversations(system: System) -> list[str]:
    """What the conversations of all agents are called."""

    async def asked() -> list[str]:
        async with system.letta() as letta:
            agents = await letta.agents(LISTED)
            found = [await letta.conversations(agent.id, "voice room") for agent in agents]
        return [one.label for conversations in found for one in conversations]

    return beside(asked())
