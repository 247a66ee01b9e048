"""How many callers may come at the same moment without one waiting long for the agent."""

from __future__ import annotations

from dev.bench.bench import Bench, progress
from dev.bench.one_call import Call, Crowd, Outcome
from dev.bench.quiet import calm
from dev.bench.stats import Summary
from dev.bench.subjects import OURS, STOCK
from dev.bench.table import Result, Row

LATE_S = 2.0
SIZES = (1, 2, 5, 10)
QUICK_SIZES = (2, 10)
GOAL = 10


async def measure(bench: Bench) -> Result:
    outcomes: dict[str, dict[int, list[Outcome]]] = {OURS: {}, STOCK: {}}
    for size in QUICK_SIZES if bench.quick else SIZES:
        for subject in bench.subjects:
            progress(f"rooms: {size} at once, {subject.name}")
            async with Crowd([Call(subject, bench.voice.name)] * size) as crowd:
                await calm()
                outcomes[subject.name][size] = await crowd.go()
    best = {name: _best(by_size) for name, by_size in outcomes.items()}
    row = Row(
        f"rooms at once with no join over {LATE_S:g} s", best[OURS], best[STOCK], "",
        f"{GOAL}", best[OURS] >= GOAL,
    )  # fmt: skip
    details = [
        _line(name, size, all_) for name, sizes in outcomes.items() for size, all_ in sizes.items()
    ]
    raw = {
        name: {size: [each.listening_after_s for each in all_] for size, all_ in sizes.items()}
        for name, sizes in outcomes.items()
    }
    return Result([row], details, raw)


def is_late(outcome: Outcome) -> bool:
    return outcome.listening_after_s is None or outcome.listening_after_s > LATE_S


def _best(by_size: dict[int, list[Outcome]]) -> float:
    """The largest size up to which nobody was late."""
    best = 0
    for size, outcomes in sorted(by_size.items()):
        if any(is_late(each) for each in outcomes):
            break
        best = size
    return float(best)


def _line(name: str, size: int, outcomes: list[Outcome]) -> str:
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
