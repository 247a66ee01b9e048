"""What a measurement brings: percentiles, rows beside stock's with their goals, the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that at least `percent` of all values do not exceed."""
    ordered = sorted(values)
    rank = max(1, math.ceil(len(ordered) * percent / 100))
    return ordered[rank - 1]


@dataclass(frozen=True)
class Summary:
    """What a table shows of a list of values; None where there are none."""

    count: int
    p50: float | None
    p95: float | None
    max: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        if not values:
            return cls(0, None, None, None)
        return cls(len(values), median(values), percentile(values, 95), max(values))


def ratio(ours: float | None, stock: float | None) -> float | None:
    return ours / stock if ours is not None and stock else None


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """(wrong, all): words of `said` that were replaced, dropped or added in `heard`."""
    wanted, got = _words(said), _words(heard)
    row = list(range(len(got) + 1))
    for number, word in enumerate(wanted, start=1):
        before, row[0] = row[0], number
        for column, other in enumerate(got, start=1):
            cost = before + (word != other)
            before = row[column]
            row[column] = min(cost, row[column] + 1, row[column - 1] + 1)
    return row[-1], len(wanted)


def _words(text: str) -> list[str]:
    kept = "".join(each if each.isalnum() or each in "' " else " " for each in text.casefold())
    return kept.split()


HEADS = ("figure", "ours", "stock", "ratio", "goal", "")


@dataclass(frozen=True)
class FigureRow:
    """One figure. `met`: None where there is no goal, or nothing was measured."""

    figure: str
    ours: float | None
    stock: float | None = None
    unit: str = "s"
    goal: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.stock if self.ours is not None and self.stock else None


@dataclass
class Result:
    """What one measurement brought: rows for the table, text below it, raw values for the JSON."""

    rows: list[FigureRow] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


def render(rows: Sequence[FigureRow]) -> str:
    cells = [HEADS] + [
        (
            row.figure,
            number(row.ours, row.unit),
            number(row.stock, row.unit),
            f"{row.ratio:.2f}" if row.ratio is not None else "",
            row.goal,
            {True: "met", False: "SHORT", None: ""}[row.met],
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in cells]  # fmt: skip
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def number(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "ms":
        return f"{value:.0f} ms"
    if unit in ("", "%"):
        return f"{value:.0f}{unit and ' ' + unit}"
    return f"{value:.2f} {unit}"
