"""How fast something grows, and how certain that is: a straight line through samples.

Samples of memory follow one another, so each tells less than a new one would. The uncertainty
counts that in: it takes them for fewer, by how much one resembles the one before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST = 8  # samples below which no line is drawn
RESEMBLES_MOST = 0.99
SECONDS_AN_HOUR = 3600.0


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


def slope(points: Sequence[tuple[float, float]]) -> Slope | None:
    """Least squares through (second, value); None when there are too few of them."""
    count = len(points)
    if count < FEWEST:
        return None
    mean_at = math.fsum(at for at, _ in points) / count
    mean = math.fsum(value for _, value in points) / count
    spread = math.fsum((at - mean_at) ** 2 for at, _ in points)
    if spread == 0:
        return None
    steep = math.fsum((at - mean_at) * (value - mean) for at, value in points) / spread
    off = [value - mean - steep * (at - mean_at) for at, value in points]
    squares = math.fsum(each**2 for each in off)
    alike = _resemblance(off, squares)
    worth = count * (1 - alike) / (1 + alike)  # as many samples that know nothing of each other
    free = max(1.0, worth - 2)
    error = math.sqrt(squares / free / spread * count / worth)
    return Slope(steep * SECONDS_AN_HOUR, _t95(free) * error * SECONDS_AN_HOUR)


def _resemblance(off: Sequence[float], squares: float) -> float:
    """How much each distance from the line resembles the one before it, 0 to nearly 1."""
    if squares == 0:
        return 0.0
    products = math.fsum(one * other for one, other in itertools.pairwise(off))
    return min(RESEMBLES_MOST, max(0.0, products / squares))


def _t95(free: float) -> float:
    """Student's t for 95 %, both sides, to 2 % from three degrees of freedom on."""
    return 1.96 + 2.4 / free + 3.6 / free**2 + 4.8 / free**3
