"""What may be said after ./scripts/bench, and which figures that asks for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

MOST_ROOMS = 50
MOST_MINUTES = 24 * 60


def parse(
    arguments: Sequence[str], description: str, usual: Sequence[str], long: Sequence[str]
) -> argparse.Namespace:
    """`wanted` names the figures; `usual` are those of a run that names none."""
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=description)
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
        options.wanted = [*usual, *(["clone"] if options.clean else [])]
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
