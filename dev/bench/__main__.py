"""./scripts/bench: every figure of this system beside a stock livekit-agents worker, in one run."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from dev.bench import options
from dev.bench.bench import Bench, progress
from dev.bench.figures import (
    clone,
    dispatches,
    endurance,
    footprint,
    healthy,
    interruption,
    joining,
    load,
    restart,
    rooms,
    timeline,
    turns,
)
from dev.bench.stock import stock_worker
from dev.bench.system import running_system
from dev.bench.table import Result, render
from dev.caller import CallError
from dev.caller.ending import end_process, run
from dev.caller.voice import Voice

Measure = Callable[[Bench], Awaitable[Result]]
FIGURES: dict[str, Measure] = {
    "joining": joining.measure,
    "turns": turns.measure,
    "interruption": interruption.measure,
    "rooms": rooms.measure,
    "dispatches": dispatches.measure,
    "footprint": footprint.measure,
    "timeline": timeline.measure,
    "healthy": healthy.measure,
    "restart": restart.measure,  # last: it ends what the others need
}
LONG: dict[str, Measure] = {"load": load.measure, "endurance": endurance.measure}
"""Those that take so long that they are only made when they are asked for."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    return options.parse(arguments, (__doc__ or "").strip(), list(FIGURES), [*LONG, "clone"])


def main(arguments: Sequence[str]) -> int:
    wish = parse(arguments)
    logging.basicConfig(level=logging.CRITICAL)  # as in scripts/talk
    try:
        return run(_measure(wish))
    except CallError as error:
        print(error, file=sys.stderr)
        return 1


async def _measure(wish: argparse.Namespace) -> int:
    results: dict[str, Result] = {}
    measures = {name: each for name, each in {**LONG, **FIGURES}.items() if name in wish.wanted}
    if measures:
        async with running_system(progress) as system, stock_worker(system.environ) as stock:
            bench = Bench(system, stock, Voice(), wish.quick, wish.calls, wish.rooms, wish.minutes)
            for name, measure in measures.items():
                results[name] = await measure(bench)
    if "clone" in wish.wanted:
        results["clone"] = await clone.measure()
    print(render([row for result in results.values() for row in result.rows]))
    for name, result in results.items():
        for line in result.details:
            print(f"{name}: {line}")
    if wish.json is not None:
        _write(wish.folder / wish.json, results, wish.quick)
    return 0


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
