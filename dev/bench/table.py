"""The result: a row for each figure, ours beside stock, with its goal; and lines of detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

HEADS = ("figure", "ours", "stock", "ratio", "goal", "")


@dataclass(frozen=True)
class Row:
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

    rows: list[Row] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


def render(rows: Sequence[Row]) -> str:
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
