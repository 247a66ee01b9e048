"""Calls one after another for a long time: what grows, what is left, what was not answered."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field

import aiohttp

from dev.caller import Caller, CallError
from dev.caller.sound import CallerVoice
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.subjects import SENTENCES
from tools.bench.verdict_watch import VerdictWatch
from tools.endurance import (
    growth,
    left_over,
)
from tools.endurance.growth import Growth, memory_told
from tools.endurance.ledger import Ledger
from tools.endurance.left_over import Left

SENTENCES_A_CALL = 3
BREATH_S = 0.5
AFTER_S = 3.0
"""Seconds for which the verdicts are watched after the caller has hung up."""


@dataclass
class LongCall:
    """What came of one call. `problem`: why it was not held to its end."""

    number: int
    began: float
    listening_s: float | None = None
    first_sounds: list[float] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def turns(self) -> int:
        return len(self.first_sounds) + len(self.unanswered)


async def hold(proxy_url: str, number: int, voice: CallerVoice, began: float) -> LongCall:
    """`number` chooses the sentences: each call says others than the one before."""
    call = LongCall(number, began)
    room = f"bench-{time.time_ns() // 1_000_000}-{number}"
    watch = VerdictWatch(proxy_url, room)
    try:
        async with watch:
            async with Caller(proxy_url, room, voice=voice, record=False) as caller:
                call.listening_s = await caller.wait_until_listening()
                for place in range(SENTENCES_A_CALL):
                    words = SENTENCES[(number * SENTENCES_A_CALL + place) % len(SENTENCES)]
                    turn = await caller.say(words)
                    if turn.first_sound_s is None:
                        call.unanswered.append(f"{words!r}: {turn.problem}")
                    else:
                        call.first_sounds.append(turn.first_sound_s)
                    await asyncio.sleep(BREATH_S)
            await asyncio.sleep(AFTER_S)
    except CallError as error:
        call.problem = str(error)
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        call.problem = repr(error)
    call.failing = list(watch.failing)
    return call


MINUTES, QUICK_MINUTES = 30, 4
WARM_UP_MIN, WARM_UP_SHARE = 5.0, 0.25  # the shorter one counts
PAUSE_S = 0.5  # between two calls of a caller
GOAL_MB_H = 1.0
GOAL_HANDLES_H = 2.0  # open files and threads
MINUTE_S = 60.0


@dataclass
class _Run:
    """What has been measured so far."""

    minutes: float
    warm_s: float
    begun: int = 0
    calls: list[LongCall] = field(default_factory=list)
    """Those that were held to their end."""
    cut_after_s: float | None = None


async def measure(bench: Bench) -> Result:
    minutes = bench.minutes or bench.runs(MINUTES, QUICK_MINUTES)
    run = _Run(minutes, MINUTE_S * min(WARM_UP_MIN, WARM_UP_SHARE * minutes))
    tree = bench.system.tree()
    before = await left_over.standing(bench.system, tree)
    async with Ledger(tree) as ledger:
        telling = asyncio.create_task(_tell(run, ledger))
        with bench.until_interrupted():
            await _all_calls(bench, run)
        telling.cancel()
        after = await left_over.settled(bench.system, tree, before, run.begun)
    return _result(run, ledger, left_over.difference(before, after, run.begun))


async def _all_calls(bench: Bench, run: _Run) -> None:
    began, url = time.monotonic(), bench.system.ours.proxy_url

    async def caller() -> None:
        while time.monotonic() - began < run.minutes * MINUTE_S:
            number, at = run.begun, time.monotonic() - began
            run.begun += 1
            run.calls.append(await hold(url, number, bench.voice, at))
            await asyncio.sleep(PAUSE_S)

    try:
        async with asyncio.TaskGroup() as callers:
            for _ in range(bench.rooms_at_once):
                callers.create_task(caller())
    except asyncio.CancelledError:
        run.cut_after_s = time.monotonic() - began
        raise


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


def _result(run: _Run, ledger: Ledger, left: Left) -> Result:
    lasting = growth.lasting(ledger.holdings, run.warm_s)
    passing = growth.passing(ledger.holdings, run.warm_s)
    families = growth.families(ledger.holdings, run.warm_s)
    return Result(
        rows=_rows(run, lasting, left),
        details=[*_told(run), *memory_told(lasting, passing, families), *left.told(), *_wrong(run)],
        raw={
            "minutes": run.minutes,
            "warm_up_s": run.warm_s,
            "cut_after_s": run.cut_after_s,
            "calls": [asdict(call) for call in run.calls],
            "processes": [asdict(each) for each in lasting],
            "passing": [asdict(each) for each in passing],
            "families": {name: each and asdict(each) for name, each in families.items()},
            "left": asdict(left),
            "samples": ledger.as_json(),
        },
    )


def _rows(run: _Run, lasting: list[Growth], left: Left) -> list[FigureRow]:
    calls, turns = len(run.calls), sum(call.turns for call in run.calls)
    silent = sum(len(call.unanswered) for call in run.calls)
    failed = sum(bool(call.failing or call.problem) for call in run.calls)
    grows = max(
        ((each.memory, each) for each in lasting if each.memory),
        key=lambda each: each[0].per_hour, default=None,
    )  # fmt: skip
    fastest = f" ({grows[1].name}, ± {grows[0].give_or_take:.2f})" if grows else ""
    fat = [each.memory.below(GOAL_MB_H) for each in lasting if each.memory]
    handles = [
        each.label for each in lasting
        for one in (each.fds, each.threads)
        if one and one.below(GOAL_HANDLES_H) is False
    ]  # fmt: skip
    return [
        FigureRow(
            f"memory of the process that grew most{fastest}",
            grows and grows[0].per_hour,
            None,
            "MB/h",
            f"< {GOAL_MB_H:g} MB/h",
            all_met(fat),
        ),
        none_of("processes with more and more open files or threads", len(handles), bool(fat)),
        none_of(f"of {turns} turns, those unanswered", silent, bool(turns)),
        none_of(
            f"of {calls} calls, those broken off or with a failing verdict", failed, bool(calls)
        ),
        none_of("left behind by the calls", left.count),
    ]


def none_of(what: str, count: int, measured: bool = True) -> FigureRow:
    """A row of what may not happen at all."""
    return FigureRow(what, count, None, "", "0", count == 0 if measured else None)


def all_met(each: list[bool | None]) -> bool | None:
    """Whether all are certain to meet a goal; None: of some it is not certain either way."""
    if False in each:
        return False
    return True if each and None not in each else None


def _told(run: _Run) -> list[str]:
    lines = [f"{_counts(run.calls)}; the first {run.warm_s / 60:.1f} minutes are the warm-up"]
    if run.cut_after_s is not None:
        lines.append(f"cut short after {run.cut_after_s / 60:.1f} of {run.minutes:g} minutes")
    # Whether the last calls are as quick as those after the warm-up.
    warm = [call for call in run.calls if call.began >= run.warm_s]
    half = len(warm) // 2
    for name, part in (("first", warm[:half]), ("second", warm[half:])):
        sounds = Summary.of([each for call in part for each in call.first_sounds])
        joined = Summary.of([call.listening_s for call in part if call.listening_s is not None])
        if sounds.p50 is not None and sounds.p95 is not None and joined.p50 is not None:
            lines.append(
                f"{name} half after the warm-up: end of speech → first sound p50 {sounds.p50:.2f} "
                f"p95 {sounds.p95:.2f} s, connected → listening p50 {joined.p50:.2f} s"
            )
    return lines


def _wrong(run: _Run) -> list[str]:
    return [
        f"call {call.number + 1} at {call.began:.0f} s: {text}"
        for call in run.calls
        for text in (call.problem, *call.unanswered, *call.failing)
        if text
    ]
