"""How long a caller waits for the agent: of one call, and of several at the same moment."""

from __future__ import annotations

from dev.caller import Caller, CallError
from tools.bench.bench import Bench, progress
from tools.bench.caller_process import BenchCall, CallOutcome, Crowd
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.subjects import OURS, STOCK
from tools.bench.waiting import calm

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
    with bench.until_interrupted():
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
        FigureRow(
            "caller connected → agent listening, p50", ours.p50, stock.p50, "s", "≤ stock", met
        ),
        FigureRow("  the same, p95", ours.p95, stock.p95),
    ]
    for event, name in zip(JOB_EVENTS, ("ctx connected", "session started"), strict=True):
        mine, peer = (Summary.of(job[each][event]) for each in (OURS, STOCK))
        goal = GOALS_MS[event]
        met = None if mine.p95 is None else mine.p95 <= goal
        rows.append(
            FigureRow(f"job start → {name}, p95", mine.p95, peer.p95, "ms", f"≤ {goal} ms", met)
        )
        rows.append(FigureRow("  the same, p50", mine.p50, peer.p50, "ms"))
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


LATE_S = 2.0
SIZES = (1, 2, 5, 10)
QUICK_SIZES = (2, 10)
ROOMS_GOAL = 10


async def measure_rooms(bench: Bench) -> Result:
    outcomes: dict[str, dict[int, list[CallOutcome]]] = {OURS: {}, STOCK: {}}
    with bench.until_interrupted():
        for size in QUICK_SIZES if bench.quick else SIZES:
            for subject in bench.subjects:
                progress(f"rooms: {size} at once, {subject.name}")
                async with Crowd([BenchCall(subject, bench.voice.name)] * size) as crowd:
                    await calm()
                    outcomes[subject.name][size] = await crowd.go()
    best = {name: _best(by_size) for name, by_size in outcomes.items()}
    row = FigureRow(
        f"rooms at once with no join over {LATE_S:g} s", best[OURS], best[STOCK], "",
        f"{ROOMS_GOAL}", best[OURS] >= ROOMS_GOAL,
    )  # fmt: skip
    details = [
        _rooms_line(name, size, all_)
        for name, sizes in outcomes.items()
        for size, all_ in sizes.items()
    ]
    raw = {
        name: {size: [each.listening_after_s for each in all_] for size, all_ in sizes.items()}
        for name, sizes in outcomes.items()
    }
    return Result([row], details, raw)


def is_late(outcome: CallOutcome) -> bool:
    return outcome.listening_after_s is None or outcome.listening_after_s > LATE_S


def _best(by_size: dict[int, list[CallOutcome]]) -> float:
    """The largest size up to which nobody was late."""
    best = 0
    for size, outcomes in sorted(by_size.items()):
        if any(is_late(each) for each in outcomes):
            break
        best = size
    return float(best)


def _rooms_line(name: str, size: int, outcomes: list[CallOutcome]) -> str:
    joined = [each.listening_after_s for each in outcomes if each.listening_after_s is not None]
    summary = Summary.of(joined)
    times = (
        f"p50 {summary.p50:.2f} s, max {summary.max:.2f} s"
        if summary.p50 and summary.max
        else "none"
    )
    absent = len(outcomes) - len(joined)
    late = sum(is_late(each) for each in outcomes) - absent
    return f"{name}, {size} at once: {times}; {late} late, {absent} without an agent"
