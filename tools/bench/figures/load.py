"""More and more calls at once: when the replies become slow, and what holds them up."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from tools.bench.bench import Bench, progress
from tools.bench.bottleneck import CALLERS, bottleneck, counters, doubles_at, since
from tools.bench.caller_process import BenchCall, CallOutcome, Crowd
from tools.bench.processes import Meter, Reading, Tree
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.subjects import OURS, SENTENCES, STOCK, Subject
from tools.bench.waiting import calm

BETWEEN_S = (0.2, 0.8)  # from one caller to the next
APART = 7  # sentences from those of one caller to those of the next; all are said before one again
SENTENCE_S = 5.0  # that a sentence with its reply takes at the least


@dataclass(frozen=True)
class Step:
    """What came of it."""

    subject: str
    rooms: int
    outcomes: list[CallOutcome]
    reading: Reading
    counted: dict[str, float]

    @property
    def joined(self) -> Summary:
        """Seconds from connected to listening."""
        found = [each.listening_after_s for each in self.outcomes]
        return Summary.of([each for each in found if each is not None])

    @property
    def sounds(self) -> Summary:
        """Seconds from the end of speech to the first sound of the reply."""
        turns = [turn["first_sound_s"] for each in self.outcomes for turn in each.turns]
        return Summary.of([each for each in turns if each is not None])

    @property
    def absent(self) -> int:
        return sum(each.listening_after_s is None for each in self.outcomes)

    @property
    def unanswered(self) -> int:
        return sum(not turn["answered"] for each in self.outcomes for turn in each.turns)

    @property
    def median(self) -> float | None:
        """For the comparison of steps; None: no one was answered."""
        return self.sounds.p50

    @property
    def bottleneck(self) -> str:
        return bottleneck(self.reading, self.absent, self.counted)

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "rooms": self.rooms,
            "joined": asdict(self.joined),
            "sounds": asdict(self.sounds),
            "absent": self.absent,
            "unanswered": self.unanswered,
            "bottleneck": self.bottleneck,
            "outcomes": [asdict(each) for each in self.outcomes],
            "reading": asdict(self.reading),
            "counted": self.counted,
        }


async def climb(bench: Bench, subject: Subject, rooms: int, talk_s: float) -> Step:
    """All come one after another; once the last agent listens, all talk for `talk_s` seconds."""
    tree = _tree(bench)
    async with Crowd(_calls(bench, subject, rooms, talk_s)) as crowd:
        await calm()
        before = await counters(bench.system)
        await crowd.come()
        async with Meter(tree) as meter:
            outcomes = await crowd.talk()
        after = await counters(bench.system)
    counted = {} if subject.name == STOCK else since(before, after)
    return Step(subject.name, rooms, outcomes, meter.reading, counted)


def _calls(bench: Bench, subject: Subject, rooms: int, talk_s: float) -> list[BenchCall]:
    dice, delay = random.Random(rooms), 0.0
    wanted = max(2, round(talk_s / SENTENCE_S))
    calls = []
    for number in range(rooms):
        first = number * APART
        words = [SENTENCES[(first + place) % len(SENTENCES)] for place in range(wanted)]
        calls.append(
            BenchCall(subject, bench.voice.name, words, delay_s=delay, talk_s=talk_s, seed=number)
        )
        delay += dice.uniform(*BETWEEN_S)
    return calls


def _tree(bench: Bench) -> Tree:
    """Our programs, the stock worker, and the callers with this bench itself."""
    stock = bench.stock_worker.family()
    roots = {**bench.system.tree().roots, CALLERS: psutil.Process()}
    return Tree({**roots, **({STOCK: stock[0]} if stock else {})})


SIZES, QUICK_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 20), (1, 2, 4)
STOCK_SIZES = (1, 2, 4, 6)
GOAL = 6  # rooms at which the median may double; both peers double at 4
TALK_S, QUICK_TALK_S = 30, 12
ALONE_S, QUICK_ALONE_S = 90, 24  # seconds of talk at least, all callers together

Steps = dict[int, Step]


async def measure(bench: Bench) -> Result:
    steps: dict[str, Steps] = {OURS: {}, STOCK: {}}
    talk, alone = bench.runs(TALK_S, QUICK_TALK_S), bench.runs(ALONE_S, QUICK_ALONE_S)
    with bench.until_interrupted():
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


def _rows(steps: dict[str, Steps]) -> list[FigureRow]:
    ours, stock = steps[OURS], steps[STOCK]
    rows = []
    for size, step in ours.items():
        peer = stock.get(size)
        rows.append(
            FigureRow(
                f"{rooms(size)} at once: end of speech → first sound, p50",
                step.sounds.p50,
                peer.sounds.p50 if peer else None,
            )
        )
        rows.append(
            FigureRow("  the same, p95", step.sounds.p95, peer.sounds.p95 if peer else None)
        )
    mine, theirs = (_doubling(each) for each in (ours, stock))
    most = max(ours, default=0)
    met = None if 1 not in ours or (mine is None and most < GOAL) else mine is None or mine >= GOAL
    what = "rooms at once at which the p50 of one room doubles"
    if mine is None and 1 in ours:
        what += f" (ours not up to {most})"
    rows.append(FigureRow(what, mine, theirs, "", f"≥ {GOAL}", met))
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
