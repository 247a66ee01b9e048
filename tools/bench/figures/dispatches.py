"""Dispatches at the same moment, for as many rooms and for one: each with exactly one agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field

import aiohttp
from livekit import api, rtc

from common import http_proxy
from dev.caller import ProxyAccess
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.waiting import calm

LIMIT_S = 90.0
"""How long a room may wait for its agent before it counts as one that never gets any."""
WATCHED_S = 8.0
"""A second agent, which the proxy or the server sent by mistake, has come by then."""
LOOK_EVERY_S = 0.3
ANSWER_LIMIT_S = 30.0


@dataclass
class Stormed:
    """One room: what its requests were answered, and the agents that were seen in it."""

    room: str
    answers: list[str] = field(default_factory=list)
    """Of each request: its status and message."""
    refused: int = 0
    after_s: float | None = None
    """Seconds from the requests to the first agent in the server's list of participants."""
    agents: set[str] = field(default_factory=set)
    """Identities of all agents that have been there at any time."""

    @property
    def problem(self) -> str:
        """Why this room did not get exactly one agent; empty when it did."""
        if len(self.agents) == 1:
            return ""
        if self.agents:
            return f"room {self.room} got {len(self.agents)} agents: {sorted(self.agents)}"
        return f"room {self.room} got no agent within {LIMIT_S:g} s; answered: {self.answers}"


async def storm(
    proxy_url: str, livekit: api.LiveKitAPI, rooms: Sequence[str], requests: int = 1
) -> list[Stormed]:
    """A silent caller joins each room, then all ask for the agent at once, `requests` times each.

    The rooms are deleted afterwards.
    """
    found = {room: Stormed(room) for room in rooms}
    try:
        async with AsyncExitStack() as stack:
            access = await stack.enter_async_context(ProxyAccess(proxy_url))
            for room in rooms:
                await _join(stack, access, room)
            asked_at = time.monotonic()
            asking = asyncio.gather(*[_ask(proxy_url, each, requests) for each in found.values()])
            await _watch(livekit, list(found.values()), asked_at)
            await asking
    finally:
        for room in rooms:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=room))
    return list(found.values())


async def _join(stack: AsyncExitStack, access: ProxyAccess, room: str) -> None:
    ticket = await access.ticket(room, "silent-caller")
    caller = rtc.Room()
    http_proxy.hide_from_native_code(ticket.url)
    await caller.connect(ticket.url, ticket.token, rtc.RoomOptions(auto_subscribe=False))
    stack.push_async_callback(caller.disconnect)


async def _ask(proxy_url: str, stormed: Stormed, requests: int) -> None:
    timeout = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)

    async def once(http: aiohttp.ClientSession) -> None:
        wish = {"room": stormed.room}
        async with http.post(f"{proxy_url}/api/dispatch-agent", json=wish) as answer:
            stormed.refused += answer.status >= 400
            stormed.answers.append(f"{answer.status} {(await answer.json()).get('message')}")

    async with aiohttp.ClientSession(timeout=timeout) as http:
        await asyncio.gather(*[once(http) for _ in range(requests)])


async def _watch(livekit: api.LiveKitAPI, rooms: Sequence[Stormed], asked_at: float) -> None:
    """Until a while after the last room has its agent, or until one has waited too long."""
    complete_at: float | None = None
    while (now := time.monotonic()) < asked_at + LIMIT_S:
        if complete_at is not None and now > complete_at + WATCHED_S:
            return
        await asyncio.gather(*[_look(livekit, each, asked_at) for each in rooms])
        if complete_at is None and all(each.agents for each in rooms):
            complete_at = time.monotonic()
        await asyncio.sleep(LOOK_EVERY_S)


async def _look(livekit: api.LiveKitAPI, stormed: Stormed, asked_at: float) -> None:
    listed = await livekit.room.list_participants(api.ListParticipantsRequest(room=stormed.room))
    for participant in listed.participants:
        if participant.kind == api.ParticipantInfo.Kind.AGENT:
            stormed.agents.add(participant.identity)
    if stormed.agents and stormed.after_s is None:
        stormed.after_s = time.monotonic() - asked_at


SIZE, QUICK_SIZE = 20, 8


async def measure(bench: Bench) -> Result:
    size = bench.runs(SIZE, QUICK_SIZE)
    environ, url = bench.system.environ, bench.system.ours.proxy_url
    stamp = time.time_ns() // 1_000_000
    many: list[Stormed] = []
    one: list[Stormed] = []
    with bench.until_interrupted():
        async with api.LiveKitAPI(
            environ["LIVEKIT_URL"], environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
        ) as livekit:
            await calm()
            progress(f"dispatches: {size} rooms at the same moment")
            many += await storm(url, livekit, [f"storm-{stamp}-{number}" for number in range(size)])
            await calm()
            progress(f"dispatches: {size} for one room at the same moment")
            one += await storm(url, livekit, [f"storm-{stamp}-one"], requests=size)
    times = Summary.of([each.after_s for each in many if each.after_s is not None])
    right = sum(not each.problem for each in many)
    agents = len(one[0].agents) if one else None
    return Result(
        rows=[
            FigureRow(
                f"of {size} rooms asked for at the same moment, those with exactly one agent",
                right if many else None, None, "", f"{size}", right == size if many else None,
            ),
            FigureRow("  the slowest of them", times.max),
            FigureRow(
                f"agents of one room that was asked for {size} times at the same moment",
                agents, None, "", "1", None if agents is None else agents == 1,
            ),
            FigureRow("  its agent was there after", one[0].after_s if one else None),
        ],
        details=[*_told(many, times), *[each.problem for each in [*many, *one] if each.problem]],
        raw={"rooms": [_json(each) for each in many], "one": [_json(each) for each in one]},
    )  # fmt: skip


def _told(rooms: list[Stormed], times: Summary) -> list[str]:
    if times.p50 is None or times.p95 is None:
        return []
    refused = sum(each.refused for each in rooms)
    return [f"request → agent p50 {times.p50:.2f} s, p95 {times.p95:.2f} s, {refused} refused"]


def _json(stormed: Stormed) -> dict[str, object]:
    return {**asdict(stormed), "agents": sorted(stormed.agents)}
