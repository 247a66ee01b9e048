"""Dispatches at the same moment, for as many rooms and for one: each with exactly one agent."""

from __future__ import annotations

import time
from dataclasses import asdict

from livekit import api

from dev.bench.bench import Bench, progress
from dev.bench.quiet import calm
from dev.bench.stats import Summary
from dev.bench.storm import Stormed, storm
from dev.bench.table import Result, Row

SIZE, QUICK_SIZE = 20, 8


async def measure(bench: Bench) -> Result:
    size = bench.runs(SIZE, QUICK_SIZE)
    environ, url = bench.system.environ, bench.system.ours.proxy_url
    stamp = time.time_ns() // 1_000_000
    async with api.LiveKitAPI(
        environ["LIVEKIT_URL"], environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
    ) as livekit:
        await calm()
        progress(f"dispatches: {size} rooms at the same moment")
        many = await storm(url, livekit, [f"storm-{stamp}-{number}" for number in range(size)])
        await calm()
        progress(f"dispatches: {size} for one room at the same moment")
        (one,) = await storm(url, livekit, [f"storm-{stamp}-one"], requests=size)
    problems = [each.problem for each in [*many, one] if each.problem]
    times = Summary.of([each.after_s for each in many if each.after_s is not None])
    right = sum(not each.problem for each in many)
    return Result(
        rows=[
            Row(
                f"of {size} rooms asked for at the same moment, those with exactly one agent",
                right, None, "", f"{size}", right == size,
            ),
            Row("  the slowest of them", times.max),
            Row(
                f"agents of one room that was asked for {size} times at the same moment",
                len(one.agents), None, "", "1", len(one.agents) == 1,
            ),
            Row("  its agent was there after", one.after_s),
        ],
        details=[*_told(many, times), *problems],
        raw={"rooms": [_json(each) for each in many], "one": _json(one)},
    )  # fmt: skip


def _told(rooms: list[Stormed], times: Summary) -> list[str]:
    if times.p50 is None or times.p95 is None:
        return []
    refused = sum(each.refused for each in rooms)
    return [f"request → agent p50 {times.p50:.2f} s, p95 {times.p95:.2f} s, {refused} refused"]


def _json(stormed: Stormed) -> dict[str, object]:
    return {**asdict(stormed), "agents": sorted(stormed.agents)}
