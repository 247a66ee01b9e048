"""More and more calls at once: when the replies become slow, and what holds them up."""

from __future__ import annotations

from dev.bench.bench import Bench, progress
from dev.bench.bottleneck import CALLERS, doubles_at
from dev.bench.stats import Summary
from dev.bench.step import Step, climb
from dev.bench.subjects import OURS, STOCK
from dev.bench.table import Result, Row

SIZES, QUICK_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 20), (1, 2, 4)
STOCK_SIZES = (1, 2, 4, 6)
GOAL = 6  # rooms at which the median may double; both peers double at 4
TALK_S, QUICK_TALK_S = 30, 12
ALONE_S, QUICK_ALONE_S = 90, 24  # seconds of talk at least, all callers together

Steps = dict[int, Step]


async def measure(bench: Bench) -> Result:
    steps: dict[str, Steps] = {OURS: {}, STOCK: {}}
    talk, alone = bench.runs(TALK_S, QUICK_TALK_S), bench.runs(ALONE_S, QUICK_ALONE_S)
    for size in bench.rooms or (QUICK_SIZES if bench.quick else SIZES):
        for subject in bench.subjects:
            if subject.name == STOCK and size not in STOCK_SIZES:
                continue
            progress(f"load: {rooms(size)} at once, {subject.name}")
            step = await climb(bench, subject, size, max(talk, alone / size))
            steps[subject.name][size] = step
            progress(told(step))
    return Result(
        rows=_rows(steps),
        details=[told(step) for all_ in steps.values() for step in all_.values()],
        raw={
            name: {size: step.as_json() for size, step in all_.items()}
            for name, all_ in steps.items()
        },
    )


def _rows(steps: dict[str, Steps]) -> list[Row]:
    ours, stock = steps[OURS], steps[STOCK]
    rows = []
    for size, step in ours.items():
        peer = stock.get(size)
        rows.append(
            Row(
                f"{rooms(size)} at once: end of speech → first sound, p50",
                step.sounds.p50,
                peer.sounds.p50 if peer else None,
            )
        )
        rows.append(Row("  the same, p95", step.sounds.p95, peer.sounds.p95 if peer else None))
    mine, theirs = (_doubling(each) for each in (ours, stock))
    most = max(ours)
    met = None if 1 not in ours or (mine is None and most < GOAL) else mine is None or mine >= GOAL
    what = "rooms at once at which the p50 of one room doubles"
    if mine is None and 1 in ours:
        what += f" (ours not up to {most})"
    rows.append(Row(what, mine, theirs, "", f"≥ {GOAL}", met))
    return rows


def _doubling(steps: Steps) -> int | None:
    return doubles_at({size: step.median for size, step in steps.items()})


def told(step: Step) -> str:
    used = sorted(step.reading.families.items(), key=lambda each: -each[1])
    ours = ", ".join(f"{name} {cores:.2f}" for name, cores in used if name != CALLERS)
    callers = step.reading.families.get(CALLERS, 0.0)
    return (
        f"{step.subject}, {rooms(step.rooms)} at once: listening {_times(step.joined)}; "
        f"first sound {_times(step.sounds)} of {step.sounds.count + step.unanswered} turns, "
        f"{step.unanswered} unanswered, {rooms(step.absent)} without an agent; cores: {ours}, "
        f"the callers themselves {callers:.2f}; bottleneck: {step.bottleneck}"
    )


def rooms(count: int) -> str:
    return f"{count} room" if count == 1 else f"{count} rooms"


def _times(summary: Summary) -> str:
    if summary.p50 is None or summary.p95 is None:
        return "never"
    return f"p50 {summary.p50:.2f} p95 {summary.p95:.2f} s"
