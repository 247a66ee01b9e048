"""The offline voice: how soon a text sounds, and whether it is ever behind while it is played.

A reply is asked for as the worker does it: piece by piece, the next one as soon as the sound of
the one before has come. It is played at the pace of speech, so what comes too late is a gap.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from numpy.typing import NDArray

from dev.caller.sound import AUDIBLE
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary

GOAL_MS = 90.0
AT_ONCE = 4
RATE = 24_000
LATE_S = 0.01  # what the smallest buffer of a player bridges
PAUSE_S = 0.3  # before each text: a server that is asked without a pause is never at rest
FIRST_CLAUSES = (  # from one word to a sentence of five seconds
    "Okay,",
    "Sure.",
    "I see what you mean.",
    "Your favorite color is green.",
    "Let me have a look at that for you,",
    "It was the best of times, it was the worst of times.",
    "Now this is one rather long sentence without any comma that goes on for a good while.",
)
REPLIES = (
    ("Okay,", " that is in my memory. ", "Your favorite color is green, and it was blue before. "),
    ("Well,", "there are three trains: at 10:30, at noon and at 5 p.m. ", "The first costs $20. "),
    ("I remember that you told me about your brother in Paris. ", "How is he? "),
    ("Yes. ", "No. ", "Perhaps. ", "Let me think about it until tomorrow morning. "),
)


@dataclass
class Played:
    """One text or reply as its listener hears it."""

    first_s: float = 0.0  # from the request to the first sample that can be heard
    sound_s: float = 0.0
    ends: float = 0.0  # when what has come is played
    gaps_s: list[float] = field(default_factory=list)


async def measure(bench: Bench) -> Result:
    url = f"{bench.system.environ['MODELS_URL'].rstrip('/')}/audio/speech"
    texts: list[tuple[str, Played]] = []
    alone: list[Played] = []
    together: list[Played] = []
    with bench.until_interrupted():
        await hear(url, FIRST_CLAUSES[:1])  # what is loaded at first
        for number in range(runs := bench.runs(10, 3)):
            progress(f"speaking: round {number + 1} of {runs}")
            for text in FIRST_CLAUSES:
                await asyncio.sleep(PAUSE_S)
                texts.append((text, await hear(url, [text])))
            for reply in REPLIES:
                alone.append(await hear(url, reply))
            together += await asyncio.gather(
                *(hear(url, REPLIES[place % len(REPLIES)]) for place in range(AT_ONCE))
            )
    return _result(texts, alone, together)


async def hear(url: str, pieces: Sequence[str]) -> Played:
    """Ask for the pieces one after another over one connection, and play them meanwhile."""
    played = Played()
    async with aiohttp.ClientSession() as http:
        asked = time.monotonic()
        for piece in pieces:
            wish = {"model": "tts-1", "voice": "alloy", "response_format": "pcm", "input": piece}
            async with http.post(url, json=wish) as response:
                response.raise_for_status()
                rest = b""
                async for data in response.content.iter_any():
                    whole = len(rest + data) & ~1  # a sample is two bytes
                    samples = np.frombuffer((rest + data)[:whole], np.int16)
                    rest = (rest + data)[whole:]
                    _play(played, samples, asked, time.monotonic())
    return played


def _play(played: Played, samples: NDArray[np.int16], asked: float, now: float) -> None:
    if not played.first_s:
        if not (np.abs(samples.astype(np.int32)) >= AUDIBLE).any():
            return
        played.first_s, played.ends = now - asked, now
    if now - played.ends > LATE_S:
        played.gaps_s.append(now - played.ends)
        played.ends = now
    played.ends += len(samples) / RATE
    played.sound_s += len(samples) / RATE


def _result(texts: list[tuple[str, Played]], alone: list[Played], together: list[Played]) -> Result:
    first = Summary.of([1000 * played.first_s for _, played in texts])
    crowded = Summary.of([1000 * played.first_s for played in together])
    rows = [
        _first("text → first sound of the offline voice, p50", first.p50),
        _first("text → first sound of the offline voice, p95", first.p95),
        FigureRow(f"  the same, {AT_ONCE} replies at once, p95", crowded.p95, None, "ms"),
        _gaps("gaps in replies, one at a time", alone),
        _gaps(f"gaps in replies, {AT_ONCE} at once", together),
    ]
    return Result(
        rows,
        [
            f"{name}: {len(played)} replies, {sum(one.sound_s for one in played):.0f} s of sound, "
            f"the longest gap {1000 * max(max(one.gaps_s, default=0) for one in played):.0f} ms"
            for name, played in (("alone", alone), ("together", together))
            if played
        ],
        {
            "first_ms": [(text, 1000 * played.first_s) for text, played in texts],
            "gaps_s": {
                "alone": [played.gaps_s for played in alone],
                "together": [played.gaps_s for played in together],
            },
        },
    )


def _first(name: str, ms: float | None) -> FigureRow:
    met = None if ms is None else ms <= GOAL_MS
    return FigureRow(name, ms, None, "ms", f"≤ {GOAL_MS:g} ms", met)


def _gaps(name: str, played: list[Played]) -> FigureRow:
    gaps = sum(len(one.gaps_s) for one in played) if played else None
    return FigureRow(name, gaps, None, "", "0", None if gaps is None else gaps == 0)
