"""How long a caller waits for the agent, and how long the job takes to get there."""

from __future__ import annotations

from dev.bench.bench import Bench, progress
from dev.bench.quiet import calm
from dev.bench.stats import Summary
from dev.bench.subjects import OURS, STOCK
from dev.bench.table import Result, Row
from dev.caller import Caller, CallError

JOB_EVENTS = ("ctx_connected", "session_started")
EVENTS_TIMEOUT_S = 2.0
GOALS_MS = {"ctx_connected": 150, "session_started": 300}


async def measure(bench: Bench) -> Result:
    listening: dict[str, list[float]] = {OURS: [], STOCK: []}
    job: dict[str, dict[str, list[float]]] = {
        name: {event: [] for event in JOB_EVENTS} for name in (OURS, STOCK)
    }
    failures: dict[str, list[str]] = {OURS: [], STOCK: []}
    runs = bench.runs(20, 5)
    for number in range(runs):
        progress(f"joining: call {number + 1} of {runs}, each")
        for subject in bench.subjects:
            await calm()
            try:
                async with subject.caller(bench.voice) as caller:
                    listening[subject.name].append(await caller.wait_until_listening())
                    for event, ms in (await _job_times(caller)).items():
                        job[subject.name][event].append(ms)
            except CallError as error:
                failures[subject.name].append(str(error))
    ours, stock = (Summary.of(listening[name]) for name in (OURS, STOCK))
    met = None
    if ours.p50 is not None and stock.p50 is not None:
        met = ours.p50 <= stock.p50 and not failures[OURS]
    rows = [
        Row("caller connected → agent listening, p50", ours.p50, stock.p50, "s", "≤ stock", met),
        Row("  the same, p95", ours.p95, stock.p95),
    ]
    for event, name in zip(JOB_EVENTS, ("ctx connected", "session started"), strict=True):
        mine, peer = (Summary.of(job[each][event]) for each in (OURS, STOCK))
        goal = GOALS_MS[event]
        met = None if mine.p95 is None else mine.p95 <= goal
        rows.append(Row(f"job start → {name}, p95", mine.p95, peer.p95, "ms", f"≤ {goal} ms", met))
        rows.append(Row("  the same, p50", mine.p50, peer.p50, "ms"))
    details = [f"{name} did not come: {text}" for name, all_ in failures.items() for text in all_]
    return Result(rows, details, {"listening_s": listening, "job_ms": job, "failures": failures})


async def _job_times(caller: Caller) -> dict[str, float]:
    """The job's own timings, once both have arrived."""

    def times() -> dict[str, float]:
        return {
            event["name"]: event["data"]["elapsed_ms"]
            for event in caller.events
            if event.get("name") in JOB_EVENTS
        }

    await caller.until(lambda: len(times()) == len(JOB_EVENTS), EVENTS_TIMEOUT_S)
    return times()
