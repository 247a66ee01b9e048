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

from dev.bench.bench import Bench, progress
from dev.bench.figures import (
    clone,
    footprint,
    healthy,
    interruption,
    joining,
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

FIGURES: dict[str, Callable[[Bench], Awaitable[Result]]] = {
    "joining": joining.measure,
    "turns": turns.measure,
    "interruption": interruption.measure,
    "rooms": rooms.measure,
    "footprint": footprint.measure,
    "timeline": timeline.measure,
    "healthy": healthy.measure,
    "restart": restart.measure,  # last: it ends what the others need
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=(__doc__ or "").strip())
    parser.add_argument("--quick", action="store_true", help="few runs: sizes, not figures")
    parser.add_argument(
        "--only", action="append", choices=[*FIGURES, "clone"], metavar="FIGURE",
        help=f"just this one, may be repeated: {', '.join(FIGURES)}, clone",
    )  # fmt: skip
    parser.add_argument(
        "--calls", type=int, metavar="N",
        help=f"healthy calls to make (default {healthy.CALLS})",
    )  # fmt: skip
    clean = "also time a clean clone with empty caches (minutes, 3 GB)"
    parser.add_argument("--clean", action="store_true", help=clean)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    logging.basicConfig(level=logging.CRITICAL)  # as in scripts/talk
    try:
        return run(_measure(options))
    except CallError as error:
        print(error, file=sys.stderr)
        return 1


async def _measure(options: argparse.Namespace) -> int:
    wanted = options.only or [*FIGURES, *(["clone"] if options.clean else [])]
    results: dict[str, Result] = {}
    if any(name in FIGURES for name in wanted):
        async with running_system(progress) as system, stock_worker(system.environ) as stock:
            bench = Bench(system, stock, Voice(), options.quick, options.calls)
            for name in FIGURES:
                if name in wanted:
                    results[name] = await FIGURES[name](bench)
    if "clone" in wanted:
        results["clone"] = await clone.measure()
    print(render([row for result in results.values() for row in result.rows]))
    for name, result in results.items():
        for line in result.details:
            print(f"{name}: {line}")
    if options.json is not None:
        _write(options.folder / options.json, results, options.quick)
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
