"""From the end of the caller's speech to the first sound of the reply, at the caller's listener."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import Any

from dev.caller import CallError, Turn
from dev.caller.turn import NAMES
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary, ratio, word_errors
from tools.bench.subjects import OURS, SENTENCES, STOCK, Subject
from tools.bench.waiting import calm

BREATH_S = 0.5  # between a reply and the next sentence
CALLS = 4  # the sentences are spread over so many calls a subject
GOAL_P50_S, GOAL_MAX_S, GOAL_RATIO = 0.75, 2.0, 0.55


async def measure(bench: Bench) -> Result:
    turns: dict[str, list[Turn]] = {OURS: [], STOCK: []}
    failures: dict[str, list[str]] = {OURS: [], STOCK: []}
    calls = bench.runs(CALLS, 2)
    sentences = SENTENCES[: bench.runs(len(SENTENCES), 8)]
    size = len(sentences) // calls
    with bench.until_interrupted():
        for number in range(calls):
            progress(f"turns: call {number + 1} of {calls}, {size} sentences, each")
            for subject in bench.subjects:
                await calm()
                try:
                    part = sentences[number * size : (number + 1) * size]
                    turns[subject.name] += await _converse(bench, subject, part)
                except CallError as error:
                    failures[subject.name].append(str(error))
    return Result(
        rows=_rows(turns, failures, calls * size),
        details=_split(turns[OURS]) + _accuracy(turns) + _failures(turns, failures),
        raw={
            name: {"turns": [each.as_json() for each in all_], "failures": failures[name]}
            for name, all_ in turns.items()
        },
    )


async def _converse(bench: Bench, subject: Subject, sentences: tuple[str, ...]) -> list[Turn]:
    async with subject.caller(bench.voice) as caller:
        await caller.wait_until_listening()
        for sentence in sentences:
            await caller.say(sentence)
            await asyncio.sleep(BREATH_S)
        return caller.turns


def _rows(
    turns: dict[str, list[Turn]], failures: dict[str, list[str]], wanted: int
) -> list[FigureRow]:
    ours, stock = (Summary.of(_times(turns[name])) for name in (OURS, STOCK))
    compared = ratio(ours.p50, stock.p50)
    what = "end of speech → first sound"
    complete = ours.count == wanted and not failures[OURS]
    p50 = None if ours.p50 is None else ours.p50 <= GOAL_P50_S
    worst = None if ours.max is None else ours.max <= GOAL_MAX_S and complete
    rows = [
        FigureRow(f"{what}, p50", ours.p50, stock.p50, "s", f"≤ {GOAL_P50_S} s", p50),
        FigureRow(f"{what}, p95", ours.p95, stock.p95),
        FigureRow(
            f"{what}, max", ours.max, stock.max, "s", f"≤ {GOAL_MAX_S} s, all answered", worst
        ),
    ]
    if compared is not None:
        met = compared <= GOAL_RATIO
        goal = f"≤ {GOAL_RATIO}"
        rows.insert(1, FigureRow(f"{what}, p50, ours / stock", compared, None, "×", goal, met))
    missing = {name: float(wanted - len(_times(turns[name]))) for name in (OURS, STOCK)}
    rows.append(
        FigureRow(f"turns of {wanted} without an answer", missing[OURS], missing[STOCK], "")
    )
    return rows


def _times(turns: list[Turn]) -> list[float]:
    return [turn.first_sound_s for turn in turns if turn.first_sound_s is not None]


def _split(turns: list[Turn]) -> list[str]:
    """Where ours spends its time: the median of each stage."""
    splits = [turn.split for turn in turns if turn.split]
    if not splits:
        return ["no split: the worker sent no account of its turns"] if turns else []
    stages = {
        name: [each[stage] for each in splits if stage in each] for stage, name in NAMES.items()
    }
    parts = [f"{name} {median(values):.0f}" for name, values in stages.items() if values]
    return [f"ours, median ms of each stage: {', '.join(parts)} ({len(splits)} turns)"]


def _accuracy(turns: dict[str, list[Turn]]) -> list[str]:
    lines = []
    for name, all_ in turns.items():
        counts = [word_errors(turn.said, turn.heard_text) for turn in all_]
        wrong, words = sum(each[0] for each in counts), sum(each[1] for each in counts)
        over = sum(turn.talked_over for turn in all_)
        if words:
            lines.append(
                f"{name}: {100 * wrong / words:.0f} % of {words} words misheard, "
                f"{over} of {len(all_)} sentences talked over"
            )
    return lines


def _failures(turns: dict[str, list[Turn]], failures: dict[str, list[str]]) -> list[str]:
    lines: list[Any] = [f"{name}: {text}" for name, all_ in failures.items() for text in all_]
    for name, all_ in turns.items():
        lines += [f"{name}, {turn.said!r}: {turn.problem}" for turn in all_ if turn.problem]
    return lines
