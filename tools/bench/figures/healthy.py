"""Calls in which nothing is wrong: no stage of any may ever be called failing."""

from __future__ import annotations

import asyncio
import time

from dev.caller import Caller, CallError
from dev.caller.sound import CallerVoice
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result
from tools.bench.subjects import SENTENCES
from tools.bench.verdict_watch import VerdictWatch

CALLS, QUICK_CALLS = 20, 6
AT_ONCE = 2
AFTER_S = 3.0
"""Seconds for which the verdicts are watched after the caller has hung up."""


async def measure(bench: Bench) -> Result:
    wanted = bench.calls or bench.runs(CALLS, QUICK_CALLS)
    url = bench.system.ours.proxy_url
    waiting = iter(range(wanted))
    found: dict[int, list[str]] = {}

    async def caller() -> None:
        for number in waiting:
            progress(f"healthy: call {number + 1} of {wanted}")
            found[number] = await hold(url, number, bench.voice)

    began = time.monotonic()
    with bench.until_interrupted():
        await asyncio.gather(*[caller() for _ in range(AT_ONCE)])
    bad = {number: lines for number, lines in found.items() if lines}
    row = FigureRow(
        f"of {len(found)} healthy calls, those with a failing verdict",
        len(bad), None, "", "0", not bad if found else None,
    )  # fmt: skip
    details = [f"call {number + 1}: {line}" for number, lines in bad.items() for line in lines]
    took = f"{len(found)} calls in {time.monotonic() - began:.0f} s, {AT_ONCE} at a time"
    return Result([row], [took, *details], {"found": found})


async def hold(proxy_url: str, number: int, voice: CallerVoice) -> list[str]:
    """One call: say a sentence, hear the reply, hang up. What was wrong by the verdicts, or by
    the caller: then the call was not healthy, and whoever reads the figure must know."""
    room = f"healthy-{time.time_ns() // 1_000_000}-{number}"
    try:
        async with VerdictWatch(proxy_url, room) as watch:
            async with Caller(proxy_url, room, voice=voice, record=False) as caller:
                await caller.wait_until_listening()
                turn = await caller.say(SENTENCES[number % len(SENTENCES)])
            await asyncio.sleep(AFTER_S)
    except CallError as error:
        return [f"the call itself failed: {error}"]
    if not turn.answered:
        return [*watch.failing, f"the caller got no reply to {turn.said!r}: {turn.problem}"]
    return watch.failing
