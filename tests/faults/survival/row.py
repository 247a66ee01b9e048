"""The survival table: what was broken during a call, how soon it was whole again, what was lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from tests.faults.table import LATER, align

HEAD = ("broken during a call", "s to recover", "most", "goal", "times", "lost")
WIDTHS = (62, 12, 6, 6, 5, 84)


@dataclass
class Row:
    """One thing that breaks. `seconds`: from each break until the call was whole."""

    broken: str
    goal_s: float | None
    """None: nothing has to come back, the call just goes on."""
    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What the caller or the record lost, each different thing once; empty: nothing."""
    survived: bool = False
    busy: bool = False
    """Whether it took longer because the machine had no free core."""

    @property
    def cells(self) -> tuple[str, ...]:
        typical = f"{median(self.seconds):.1f}" if self.seconds else "-"
        most = f"{max(self.seconds):.1f}{'*' * self.busy}" if self.seconds else "-"
        goal = "-" if self.goal_s is None else f"{self.goal_s:g}"
        lost = "; ".join(self.lost) or "nothing"
        return (
            self.broken,
            typical,
            most,
            goal,
            str(len(self.seconds) or 1),
            lost if self.survived else f"NOT SURVIVED ({lost})",
        )


def render(rows: Iterable[Row]) -> str:
    """The rows, aligned; what is too long is cut with an ellipsis."""
    rows = list(rows)
    lines = align(HEAD, WIDTHS, (row.cells for row in rows))
    if any(row.busy for row in rows):
        lines.append(LATER)
    return "\n".join(lines)
