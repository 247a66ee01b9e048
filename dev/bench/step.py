"""One step of the load: so many calls at once, and what the machine did meanwhile."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from dev.bench import counters
from dev.bench.bench import Bench
from dev.bench.bottleneck import CALLERS, bottleneck
from dev.bench.meter import Meter, Reading
from dev.bench.one_call import Call, Crowd, Outcome
from dev.bench.quiet import calm
from dev.bench.sentences import SENTENCES
from dev.bench.stats import Summary
from dev.bench.subjects import STOCK, Subject
from dev.bench.tree import Tree

BETWEEN_S = (0.2, 0.8)  # from one caller to the next
APART = 7  # sentences from those of one caller to those of the next; all are said before one again
SENTENCE_S = 5.0  # that a sentence with its reply takes at the least


@dataclass(frozen=True)
class Step:
    """What came of it."""

    subject: str
    rooms: int
    outcomes: list[Outcome]
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
        before = await counters.counters(bench.system)
        await crowd.come()
        async with Meter(tree) as meter:
            outcomes = await crowd.talk()
        after = await counters.counters(bench.system)
    counted = {} if subject.name == STOCK else counters.since(before, after)
    return Step(subject.name, rooms, outcomes, meter.reading, counted)


def _calls(bench: Bench, subject: Subject, rooms: int, talk_s: float) -> list[Call]:
    dice, delay = random.Random(rooms), 0.0
    wanted = max(2, round(talk_s / SENTENCE_S))
    calls = []
    for number in range(rooms):
        first = number * APART
        words = [SENTENCES[(first + place) % len(SENTENCES)] for place in range(wanted)]
        calls.append(
            Call(subject, bench.voice.name, words, delay_s=delay, talk_s=talk_s, seed=number)
        )
        delay += dice.uniform(*BETWEEN_S)
    return calls


def _tree(bench: Bench) -> Tree:
    """Our programs, the stock worker, and the callers with this bench itself."""
    stock = bench.stock_worker.family()
    roots = {**bench.system.tree().roots, CALLERS: psutil.Process()}
    return Tree({**roots, **({STOCK: stock[0]} if stock else {})})
