"""What the calls left behind once all are over: jobs, rooms, conversations, processes, events."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from letta_client import AsyncLetta
from livekit import api

from dev.bench.system import System
from dev.bench.tree import Tree

PATIENCE_S = 30.0
LOOK_EVERY_S = 0.5
MOST_CONVERSATIONS = 10_000


@dataclass
class Standing:
    """How many of each there are at one moment."""

    jobs: int = 0
    rooms: list[str] = field(default_factory=list)
    conversations: int = 0
    processes: Counter[str] = field(default_factory=Counter)
    spool_files: int = 0


async def standing(system: System, tree: Tree) -> Standing:
    return Standing(
        jobs=await system.calls_going_on(),
        rooms=await _rooms(system),
        conversations=await _conversations(system),
        processes=Counter({name: len(members) for name, members in tree.now().items()}),
        spool_files=_spooled(system),
    )


async def settled(system: System, tree: Tree, before: Standing) -> Standing:
    """As it is once nothing of the calls is left, or when it has been waited for long enough."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        after = await standing(system, tree)
        clean = not after.jobs and not after.rooms and after.processes <= before.processes
        if clean or asyncio.get_running_loop().time() > deadline:
            return after
        await asyncio.sleep(LOOK_EVERY_S)


def told(before: Standing, after: Standing, calls: int) -> list[str]:
    """What is left, in words; a conversation a call is what is meant to stay."""
    more = after.processes - before.processes
    made = after.conversations - before.conversations
    lines = [
        f"left after {calls} calls: {after.jobs} jobs, {len(after.rooms)} rooms, "
        f"{made - calls:+d} conversations beside one a call, "
        f"{sum(more.values())} processes more than before, "
        f"{after.spool_files - before.spool_files:+d} spool files"
    ]
    lines += [f"left: room {name}" for name in after.rooms]
    lines += [f"left: {count} more processes of {name}" for name, count in more.items()]
    return lines


def count(before: Standing, after: Standing, calls: int) -> int:
    """How many things are left that should not be."""
    forks = max(0, after.conversations - before.conversations - calls)
    more = after.processes - before.processes
    return after.jobs + len(after.rooms) + forks + sum(more.values())


async def _rooms(system: System) -> list[str]:
    environ = system.environ
    async with api.LiveKitAPI(
        environ["LIVEKIT_URL"], environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
    ) as livekit:
        return [room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms]


async def _conversations(system: System) -> int:
    key = system.environ.get("LETTA_API_KEY") or "none"
    async with AsyncLetta(base_url=system.environ["LETTA_BASE_URL"], api_key=key) as letta:
        return len(await letta.conversations.list(limit=MOST_CONVERSATIONS))


def _spooled(system: System) -> int:
    folder = Path(system.environ.get("AGENT_SPOOL_DIR") or "")
    return sum(1 for _ in folder.glob("*.jsonl"))
