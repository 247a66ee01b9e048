"""What the calls left behind once all are over: jobs, rooms, conversations, processes, events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from livekit import api

from common.letta.connect import connect
from common.settings import LettaServerSettings
from dev.environment import environment_of
from tools.bench.processes import Tree
from tools.bench.system import System

PATIENCE_S = 30.0
LOOK_EVERY_S = 1.0
MOST_AGENTS = 1000
CHECKPOINT = "(checkpoint)"  # how a conversation is labelled that a call uses for a while


@dataclass
class Standing:
    """How many of each there are at one moment."""

    jobs: int = 0
    rooms: list[str] = field(default_factory=list)
    conversations: int = 0
    checkpoints: list[str] = field(default_factory=list)
    processes: dict[str, int] = field(default_factory=dict)
    spool_files: int = 0


@dataclass(frozen=True)
class Left:
    """The difference of two moments, the calls between which are over."""

    jobs: int
    rooms: list[str]
    checkpoints: list[str]
    conversations: int
    """Beside one a call, which is meant to stay."""
    processes: dict[str, int]
    spool_files: int

    @property
    def count(self) -> int:
        """How many things are there that should not be."""
        more = sum(self.processes.values())
        return self.jobs + len(self.rooms) + max(0, self.conversations) + more

    def told(self) -> list[str]:
        return [
            f"left when all was over: {self.jobs} jobs, {len(self.rooms)} rooms, "
            f"{self.conversations:+d} conversations beside one a call, "
            f"{sum(self.processes.values())} processes and {self.spool_files:+d} spool files more "
            "than before",
            *[f"left: room {name}" for name in self.rooms],
            *[f"left: conversation {name!r}" for name in self.checkpoints],
            *[f"left: {count} more processes of {name}" for name, count in self.processes.items()],
        ]


def difference(before: Standing, after: Standing, calls: int) -> Left:
    more = {
        name: number - before.processes.get(name, 0) for name, number in after.processes.items()
    }
    return Left(
        after.jobs,
        [name for name in after.rooms if name not in before.rooms],
        [name for name in after.checkpoints if name not in before.checkpoints],
        after.conversations - before.conversations - calls,
        {name: number for name, number in more.items() if number > 0},
        after.spool_files - before.spool_files,
    )


async def standing(system: System, tree: Tree) -> Standing:
    conversations = await _conversations(system)
    return Standing(
        jobs=await system.calls_going_on(),
        rooms=await _rooms(system),
        conversations=len(conversations),
        checkpoints=[each for each in conversations if each.endswith(CHECKPOINT)],
        processes={name: len(members) for name, members in tree.now().items()},
        spool_files=_spooled(system),
    )


async def settled(system: System, tree: Tree, before: Standing, calls: int) -> Standing:
    """As it is once nothing of the calls is left, or when it has been waited for long enough."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        after = await standing(system, tree)
        late = asyncio.get_running_loop().time() > deadline
        if late or not difference(before, after, calls).count:
            return after
        await asyncio.sleep(LOOK_EVERY_S)


async def _rooms(system: System) -> list[str]:
    environ = system.environ
    async with api.LiveKitAPI(
        environ["LIVEKIT_URL"], environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
    ) as livekit:
        return [room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms]


async def _conversations(system: System) -> list[str]:
    """The label of each conversation of Letta."""
    with environment_of(system.environ):
        letta = connect(LettaServerSettings())
    try:
        found = [await letta.conversations(each.id, "") for each in await letta.agents(MOST_AGENTS)]
    finally:
        await letta.aclose()
    return [each.label for conversations in found for each in conversations]


def _spooled(system: System) -> int:
    folder = Path(system.environ.get("AGENT_SPOOL_DIR") or "")
    return sum(1 for _ in folder.glob("*.jsonl"))
