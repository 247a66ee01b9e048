"""What it costs the call of another's agent that its room is watched from inside.

The same stock worker is called in turn with the watching switched on and off (OBSERVE_ROOMS), which
starts the proxy anew each time.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from statistics import mean, median

from tools.bench.bench import Bench, progress
from tools.bench.figures.footprint import Families, cpu_seconds, used
from tools.bench.results import FigureRow, Result, ratio
from tools.bench.subjects import SENTENCES
from tools.bench.waiting import calm

ROUNDS = 4
BREATH_S = 0.5
ON, OFF = "true", "false"
GOAL_RATIO = 1.1
"""Of the worker's processor time, and of the time to the first sound: what a second round of the
same differs by on a shared machine."""


async def measure(bench: Bench) -> Result:
    cpu: dict[str, dict[str, list[float]]] = {ON: defaultdict(list), OFF: defaultdict(list)}
    sounds: dict[str, list[float]] = {ON: [], OFF: []}
    try:
        with bench.until_interrupted():
            for number in range(bench.runs(ROUNDS, 1)):
                for watched in (ON, OFF) if number % 2 == 0 else (OFF, ON):
                    progress(f"watching: round {number + 1}, OBSERVE_ROOMS={watched}")
                    await bench.system.command("proxy", OBSERVE_ROOMS=watched)
                    await _one_call(bench, cpu[watched], sounds[watched])
    finally:
        await bench.system.command("proxy")
    return Result(
        rows=[
            _row(
                "processor time of its worker",
                _means(cpu, ON).get("worker"),
                _means(cpu, OFF).get("worker"),
            ),
            _row("end of speech → first sound, p50", _median(sounds[ON]), _median(sounds[OFF])),
        ],
        details=[
            f"OBSERVE_ROOMS={watched}: "
            + ", ".join(f"{name} {value:.1f} %" for name, value in _means(cpu, watched).items())
            + f" of a core; first sound {_median(sounds[watched]) or 0:.2f} s, of "
            f"{len(sounds[watched])} turns"
            for watched in (ON, OFF)
        ],
        raw={
            "cpu_percent": {name: dict(each) for name, each in cpu.items()},
            "first_sound_s": sounds,
        },
    )


async def _one_call(bench: Bench, cpu: dict[str, list[float]], sounds: list[float]) -> None:
    await calm()
    async with bench.stock_worker.subject.caller(bench.voice) as caller:
        await caller.wait_until_listening()
        await caller.say(SENTENCES[0])  # what is loaded on first use is loaded
        before, began = cpu_seconds(_families(bench)), time.monotonic()
        for sentence in SENTENCES[1 : bench.runs(8, 3)]:
            turn = await caller.say(sentence)
            if turn.first_sound_s is not None:
                sounds.append(turn.first_sound_s)
            await asyncio.sleep(BREATH_S)
        took = time.monotonic() - began
        for name, seconds in used(before, cpu_seconds(_families(bench))).items():
            cpu[name].append(100 * seconds / took)


def _families(bench: Bench) -> Families:
    system = bench.system.families()
    return {"worker": bench.stock_worker.family(), **{n: system[n] for n in ("livekit", "proxy")}}


def _row(what: str, on: float | None, off: float | None) -> FigureRow:
    compared = ratio(on, off)
    met = None if compared is None else compared <= GOAL_RATIO
    return FigureRow(f"{what}, watched / not", compared, None, "×", f"≤ {GOAL_RATIO}", met)


def _means(cpu: dict[str, dict[str, list[float]]], watched: str) -> dict[str, float]:
    return {name: mean(values) for name, values in cpu[watched].items()}


def _median(values: list[float]) -> float | None:
    return median(values) if values else None
