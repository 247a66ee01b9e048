"""./scripts/bench: every figure of this system beside a stock livekit-agents worker, in one run."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from dev.caller import CallError
from dev.caller.ending import end_process, run
from dev.caller.sound import CallerVoice
from tools.bench.bench import Bench, Interruption, progress
from tools.bench.figures import (
    dispatches,
    footprint,
    healthy,
    hearing,
    interruption,
    joining,
    load,
    speaking,
    startup,
    timeline,
    turns,
    turntaking,
    watching,
)
from tools.bench.results import Result, render
from tools.bench.system import running_system
from tools.bench.workers import stock_worker
from tools.endurance import figure as endurance

INTERRUPTED = 130
MOST_ROOMS = 50
MOST_MINUTES = 24 * 60


Measure = Callable[[Bench], Awaitable[Result]]
FIGURES: dict[str, Measure] = {
    "joining": joining.measure,
    "turns": turns.measure,
    "interruption": interruption.measure,
    "rooms": joining.measure_rooms,
    "dispatches": dispatches.measure,
    "footprint": footprint.measure,
    "speaking": speaking.measure,
    "timeline": timeline.measure,
    "healthy": healthy.measure,
    "watching": watching.measure,
    "restart": startup.measure_restart,  # last: it ends what the others need
}
LONG: dict[str, Measure] = {
    "hearing": hearing.measure,
    "turntaking": turntaking.measure,
    "load": load.measure,
    "endurance": endurance.measure,
}
"""Those that take so long that they are only made when they are asked for."""
CLONE = "clone"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """`wanted` names the figures."""
    usual, long = list(FIGURES), [*LONG, CLONE]
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs: sizes, not figures")
    parser.add_argument(
        "--only", action="append", choices=[*usual, *long], metavar="FIGURE",
        help=f"just this one, may be repeated: {', '.join([*usual, *long])}",
    )  # fmt: skip
    parser.add_argument(
        "--rooms", type=_rooms, default=(), metavar="N[,N…]",
        help="load: so many calls at once with real audio, step after step, and what was the "
        "bottleneck (`--only load` chooses the steps itself)",
    )  # fmt: skip
    parser.add_argument(
        "--minutes", type=_minutes, metavar="M",
        help="endurance: calls one after another for so long, in --rooms N rooms at once (1 when "
        "not said), and how the memory of each process grows; with several numbers of rooms: load, "
        "then endurance in one room",
    )  # fmt: skip
    parser.add_argument("--calls", type=int, metavar="N", help="healthy calls to make")
    clean = "also time a clean clone with empty caches (minutes, 3 GB)"
    parser.add_argument("--clean", action="store_true", help=clean)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything measured, samples included"
    )
    parser.add_argument("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.wanted = options.only or _implied(options.rooms, options.minutes)
    if not options.wanted:
        options.wanted = [*usual, *([CLONE] if options.clean else [])]
    return options


def _implied(rooms: tuple[int, ...], minutes: float | None) -> list[str]:
    """The figures that --rooms and --minutes ask for without naming them."""
    load = bool(rooms) and (minutes is None or len(rooms) > 1)
    return [*(["load"] if load else []), *(["endurance"] if minutes is not None else [])]


def _rooms(text: str) -> tuple[int, ...]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or not 1 <= numbers[0] <= numbers[-1] <= MOST_ROOMS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of rooms, or several with commas, from 1 to {MOST_ROOMS}"
        )
    return tuple(numbers)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of minutes up to {MOST_MINUTES}"
        )
    return minutes


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    logging.basicConfig(level=logging.CRITICAL)  # as in scripts/talk
    try:
        return run(_measure(options))
    except CallError as error:
        print(error, file=sys.stderr)
        return 1


async def _measure(options: argparse.Namespace) -> int:
    measures = {name: each for name, each in {**LONG, **FIGURES}.items() if name in options.wanted}
    results: dict[str, Result] = {}
    told = Interruption()
    if measures:
        async with running_system(progress) as system, stock_worker(system.environ) as stock:
            bench = Bench(
                system,
                stock,
                CallerVoice(),
                options.quick,
                options.calls,
                options.rooms,
                options.minutes,
                told,
            )
            results = await measured(bench, measures)
    if CLONE in options.wanted and not told.happened:
        results[CLONE] = await startup.measure_clone()
    tell(results)
    if options.json is not None:
        _write(options.folder / options.json, results, options.quick)
    return INTERRUPTED if told.happened else 0


async def measured(bench: Bench, measures: Mapping[str, Measure]) -> dict[str, Result]:
    """The figures one after another; told to end, those that there are, the last one in part."""
    results: dict[str, Result] = {}
    for name, measure in measures.items():
        if bench.interruption.happened:
            break
        with bench.until_interrupted():
            results[name] = await measure(bench)
    return results


def tell(results: Mapping[str, Result]) -> None:
    print(render([row for result in results.values() for row in result.rows]))
    for name, result in results.items():
        for line in result.details:
            print(f"{name}: {line}")


def _write(path: Path, results: dict[str, Result], quick: bool) -> None:
    whole: dict[str, Any] = {
        "at": time.time(),
        "quick": quick,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "rows": [
            {**vars(row), "ratio": row.ratio} for each in results.values() for row in each.rows
        ],
        "figures": {name: each.raw for name, each in results.items()},
    }
    try:
        path.write_text(json.dumps(whole, indent=1))
    except OSError as error:
        raise CallError(f"the result cannot be written to {path}: {error.strerror}") from error


if __name__ == "__main__":
    end_process(main(sys.argv[1:]))
