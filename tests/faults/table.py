"""The table at the end of a run: cause, how it was injected, what was said, how soon, cleared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HEAD = ("stage", "cause", "injected", "verdict", "s", "cleared")
WIDTHS = (10, 28, 46, 88, 5, 7)
LATER = "* later than it should be: no core of the machine was free meanwhile"


@dataclass
class Row:
    """One fault. `seconds` from the symptom to the verdict; None: it was not named."""

    stage: str
    cause: str
    injected: str
    verdict: str = "NOT NAMED"
    seconds: float | None = None
    busy: bool = False
    """Whether it took longer because the machine had no free core."""
    cleared: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        seconds = "-" if self.seconds is None else f"{self.seconds:.1f}{'*' * self.busy}"
        cleared = {True: "yes", False: "NO", None: "-"}[self.cleared]
        return self.stage, self.cause, self.injected, self.verdict, seconds, cleared


def render(rows: Iterable[Row]) -> str:
    """The rows, aligned; what is too long is cut with an ellipsis."""
    rows = list(rows)
    lines = align(HEAD, WIDTHS, (row.cells for row in rows))
    if any(row.busy for row in rows):
        lines.append(LATER)
    return "\n".join(lines)


def align(
    head: tuple[str, ...], widths: tuple[int, ...], rows: Iterable[tuple[str, ...]]
) -> list[str]:
    """The lines of a table whose columns have these widths."""
    lines = [head, tuple("-" * width for width in widths), *rows]
    return [
        "  ".join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _fit(text: str, width: int) -> str:
    text = " ".join(text.split())
    return (text if len(text) <= width else f"{text[: width - 1]}…").ljust(width)
