"""How fast something grows, and how certain that is: a straight line through samples.

Samples of memory follow one another, and most resemble the one before: taken one by one they would
promise a certainty that is not there. So the time is cut into a few parts, and the line is drawn
through the median of each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from dev.bench.stats import median

PARTS = 6
T95 = 2.776  # Student's t for 95 %, both sides, with as many parts less the two of a line
FEWEST = 2 * PARTS  # samples below which no line is drawn
SECONDS_AN_HOUR = 3600.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Slope:
    """Growth an hour, and half the width of its 95 % interval."""

    per_hour: float
    give_or_take: float

    def below(self, limit: float) -> bool | None:
        """Whether it is certain that the growth is at most `limit`; None: it may be either."""
        if self.per_hour + self.give_or_take <= limit:
            return True
        return False if self.per_hour - self.give_or_take > limit else None


def parts(points: Sequence[Point]) -> list[Point]:
    """The points, by time, in PARTS of as many each: the median of each part; none of too few."""
    if len(points) < FEWEST:
        return []
    ordered = sorted(points)
    edges = [round(number * len(ordered) / PARTS) for number in range(PARTS + 1)]
    groups = [ordered[first:last] for first, last in itertools.pairwise(edges)]
    return [
        (median([at for at, _ in group]), median([value for _, value in group])) for group in groups
    ]


def slope(points: Sequence[Point]) -> Slope | None:
    """Least squares through (second, value); None when there are too few of them."""
    middles = parts(points)
    if not middles:
        return None
    mean_at = math.fsum(at for at, _ in middles) / PARTS
    mean = math.fsum(value for _, value in middles) / PARTS
    spread = math.fsum((at - mean_at) ** 2 for at, _ in middles)
    if spread == 0:
        return None
    steep = math.fsum((at - mean_at) * (value - mean) for at, value in middles) / spread
    squares = math.fsum((value - mean - steep * (at - mean_at)) ** 2 for at, value in middles)
    error = math.sqrt(squares / (PARTS - 2) / spread)
    return Slope(steep * SECONDS_AN_HOUR, T95 * error * SECONDS_AN_HOUR)
