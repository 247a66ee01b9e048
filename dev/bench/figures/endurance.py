"""Calls one after another for a long time: what grows, what is left, what was not answered."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from dev.bench import growth, left_over
from dev.bench.bench import Bench, progress
from dev.bench.growth import Growth, Passing
from dev.bench.ledger import Ledger
from dev.bench.left_over import Standing
from dev.bench.long_call import LongCall, hold
from dev.bench.slope import Slope
from dev.bench.stats import Summary
from dev.bench.table import Result, Row

MINUTES, QUICK_MINUTES = 30, 4
WARM_UP_MIN, WARM_UP_SHARE = 5.0, 0.25  # the shorter one counts
PAUSE_S = 0.5  # between two calls of a caller
GOAL_MB_H = 1.0
MINUTE_S = 60.0


@dataclass
class _Run:
    """What has been measured so far."""

    minutes: float
    warm_s: float
    calls: list[LongCall] = field(default_factory=list)
    cut_after_s: float | None = None


async def measure(bench: Bench) -> Result:
    minutes = bench.minutes or bench.runs(MINUTES, QUICK_MINUTES)
    run = _Run(minutes, MINUTE_S * min(WARM_UP_MIN, WARM_UP_SHARE * minutes))
    tree = bench.system.tree()
    before = await left_over.standing(bench.system, tree)
    async with Ledger(tree) as ledger:
        telling = asyncio.create_task(_tell(run, ledger))
        with _told_to_end(run):
            await _all_calls(bench, run)
        telling.cancel()
        after = await left_over.settled(bench.system, tree, before)
    return _result(run, ledger, before, after)


async def _all_calls(bench: Bench, run: _Run) -> None:
    began, url = time.monotonic(), bench.system.ours.proxy_url
    numbers: Iterator[int] = iter(range(sys.maxsize))

    async def caller() -> None:
        while time.monotonic() - began < run.minutes * MINUTE_S:
            at = time.monotonic() - began
            run.calls.append(await hold(url, next(numbers), bench.voice, at))
            await asyncio.sleep(PAUSE_S)

    try:
        async with asyncio.TaskGroup() as callers:
            for _ in range(bench.rooms_at_once):
                callers.create_task(caller())
    except asyncio.CancelledError:
        run.cut_after_s = time.monotonic() - began
        raise


@contextlib.contextmanager
def _told_to_end(run: _Run) -> Iterator[None]:
    """Ctrl-C ends the calls; what was measured until then is told all the same."""
    try:
        yield
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        progress("told to end: this is what was measured so far (again: end at once)")


async def _tell(run: _Run, ledger: Ledger) -> None:
    for minute in range(1, sys.maxsize):
        await asyncio.sleep(MINUTE_S)
        sizes = growth.totals(ledger.latest())
        parts = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in sizes.items())
        progress(
            f"endurance: minute {minute} of {run.minutes:g}: {_counts(run.calls)}; "
            f"{sum(sizes.values()) / 1e6:.0f} MB ({parts})"
        )


def _counts(calls: list[LongCall]) -> str:
    turns = sum(call.turns for call in calls)
    silent = sum(len(call.unanswered) for call in calls)
    broken = sum(bool(call.problem) for call in calls)
    failing = sum(bool(call.failing) for call in calls)
    return (
        f"{len(calls)} calls ({broken} broken off), {turns} turns ({silent} unanswered), "
        f"{failing} calls with a failing verdict"
    )


def _result(run: _Run, ledger: Ledger, before: Standing, after: Standing) -> Result:
    lasting = growth.lasting(ledger.holdings, run.warm_s)
    passing = growth.passing(ledger.holdings, run.warm_s)
    families = growth.families(ledger.holdings, run.warm_s)
    known = [each for each in lasting if each.memory is not None]
    worst = max(known, key=lambda each: each.memory.per_hour if each.memory else 0, default=None)
    calls = len(run.calls)
    turns = sum(call.turns for call in run.calls)
    silent = sum(len(call.unanswered) for call in run.calls)
    failing = sum(bool(call.failing or call.problem) for call in run.calls)
    left = left_over.count(before, after, calls)
    slopes = [each.memory for each in known if each.memory is not None]
    rows = [
        Row(
            "memory of the process that grew most, MB an hour",
            worst.memory.per_hour if worst and worst.memory else None,
            None, "MB/h", f"< {GOAL_MB_H:g} MB/h", _all_below(slopes),
        ),
        Row(f"of {turns} turns, those unanswered", silent, None, "", "0", silent == 0),
        Row(f"of {calls} calls, those that failed", failing, None, "", "0", failing == 0),
        Row("left behind by the calls", left, None, "", "0", left == 0),
    ]  # fmt: skip
    return Result(
        rows,
        _details(run, lasting, passing, families) + left_over.told(before, after, calls),
        {
            "minutes": run.minutes,
            "warm_up_s": run.warm_s,
            "cut_after_s": run.cut_after_s,
            "calls": [asdict(call) for call in run.calls],
            "processes": [asdict(each) for each in lasting],
            "passing": [asdict(each) for each in passing],
            "families": {name: each and asdict(each) for name, each in families.items()},
            "before": asdict(before),
            "after": asdict(after),
            "samples": ledger.as_json(),
        },
    )


def _all_below(slopes: list[Slope]) -> bool | None:
    """Whether all are certainly below the goal; None: the run was too short to tell of some."""
    told = [each.below(GOAL_MB_H) for each in slopes]
    if False in told:
        return False
    return True if told and None not in told else None


def _details(
    run: _Run, lasting: list[Growth], passing: list[Passing], families: dict[str, Slope | None]
) -> list[str]:
    lines = [f"{_counts(run.calls)}; the first {run.warm_s / 60:.1f} minutes are the warm-up"]
    if run.cut_after_s is not None:
        lines.append(f"cut short after {run.cut_after_s / 60:.1f} of {run.minutes:g} minutes")
    lines += _speed(run)
    by_slope = sorted(lasting, key=lambda e: -e.memory.per_hour if e.memory else 0.0)
    lines += [
        f"{each.label}: {each.first:.1f} → {each.last:.1f} MB, {_slope(each.memory, 'MB/h')}, "
        f"open files {_slope(each.fds, '/h')}, threads {_slope(each.threads, '/h')}"
        for each in by_slope
    ]
    lines += [
        f"{each.family}: {each.count} processes came and went, at most {each.largest:.1f} MB each "
        f"(median {each.middle:.1f}); each hour they begin {_slope(each.memory, 'MB')} larger"
        for each in passing
    ]
    lines += [f"{name}, all of it (PSS): {_slope(each, 'MB/h')}" for name, each in families.items()]
    for call in run.calls:
        wrong = [call.problem, *call.unanswered, *call.failing]
        lines += [f"call {call.number + 1} at {call.began:.0f} s: {text}" for text in wrong if text]
    return lines


def _speed(run: _Run) -> list[str]:
    """Whether the last calls are as quick as those after the warm-up."""
    warm = [call for call in run.calls if call.began >= run.warm_s]
    half = len(warm) // 2
    lines = []
    for name, part in (("first", warm[:half]), ("second", warm[half:])):
        sounds = Summary.of([each for call in part for each in call.first_sounds])
        joined = Summary.of([call.listening_s for call in part if call.listening_s is not None])
        if sounds.p50 is not None and sounds.p95 is not None and joined.p50 is not None:
            lines.append(
                f"{name} half after the warm-up: end of speech → first sound p50 {sounds.p50:.2f} "
                f"p95 {sounds.p95:.2f} s, connected → listening p50 {joined.p50:.2f} s"
            )
    return lines


def _slope(found: Slope | None, unit: str) -> str:
    if found is None:
        return "too few samples"
    return f"{found.per_hour:+.2f} ± {found.give_or_take:.2f} {unit}"
