"""Whether a call is as fast with its timeline as without: turns of two workers that differ only in
AGENT_TIMELINE_URL, a call of one after a call of the other."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dev.caller import CallError
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary, ratio
from tools.bench.subjects import SENTENCES
from tools.bench.system import free_port
from tools.bench.waiting import calm
from tools.bench.workers import BenchWorker, bench_worker

CALLS, QUICK_CALLS = 8, 3
SENTENCES_A_CALL = 4
BREATH_S = 0.5
GOAL_RATIO = 1.05
WITH, WITHOUT = "timeline", "no-timeline"


async def measure(bench: Bench) -> Result:
    times: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    failures: list[str] = []
    calls = bench.runs(CALLS, QUICK_CALLS)
    with (
        bench.until_interrupted(),
        tempfile.TemporaryDirectory(prefix="voice-bench-spool-") as folder,
    ):
        async with (
            _worker(bench, WITH, Path(folder)) as with_it,
            _worker(bench, WITHOUT, Path(folder)) as without,
        ):
            for number in range(calls):
                progress(f"timeline: call {number + 1} of {calls}, each")
                for worker in (with_it, without):
                    await calm()
                    try:
                        times[worker.subject.name] += await _turns(bench, worker, number)
                    except CallError as error:
                        failures.append(f"{worker.subject.name}: {error}")
    told, silent = Summary.of(times[WITH]), Summary.of(times[WITHOUT])
    compared = ratio(told.p50, silent.p50)
    met = None if compared is None else compared <= GOAL_RATIO and not failures
    what = "end of speech → first sound"
    rows = [
        FigureRow(f"{what}, p50, with its timeline", told.p50),
        FigureRow(f"{what}, p50, without", silent.p50),
        FigureRow("  with / without", compared, None, "×", f"≤ {GOAL_RATIO}", met),
    ]
    turns = f"{told.count} turns with, {silent.count} without"
    return Result(rows, [turns, *failures], {"seconds": times, "failures": failures})


@asynccontextmanager
async def _worker(bench: Bench, name: str, spool: Path) -> AsyncIterator[BenchWorker]:
    """Our worker once more, under a name of its own; the system's own gets none of its calls."""
    environ = bench.system.environ
    settings = {
        "LIVEKIT_AGENT_NAME": f"bench-{name}",
        "AGENT_PORT": str(free_port()),
        "AGENT_SPOOL_DIR": str(spool / name),
        "AGENT_TIMELINE_URL": bench.system.ours.proxy_url if name == WITH else "off",
    }
    async with bench_worker(
        name, settings["LIVEKIT_AGENT_NAME"], ("agent",), {**environ, **settings}
    ) as worker:
        yield worker


async def _turns(bench: Bench, worker: BenchWorker, number: int) -> list[float]:
    """Seconds to the first sound of each reply in one call."""
    found = []
    async with worker.subject.caller(bench.voice) as caller:
        await caller.wait_until_listening()
        for place in range(SENTENCES_A_CALL):
            words = SENTENCES[(number * SENTENCES_A_CALL + place) % len(SENTENCES)]
            turn = await caller.say(words)
            if turn.first_sound_s is None:
                raise CallError(f"{words!r} was not answered: {turn.problem}")
            found.append(turn.first_sound_s)
            await asyncio.sleep(BREATH_S)
    return found
