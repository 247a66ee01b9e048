"""How fast the memory, files and threads of each process grow, how certainly, and in words."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression, mean, median

from tools.endurance.ledger import Holding

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
    times, values = zip(*middles, strict=True)
    if len(set(times)) == 1:
        return None
    line = linear_regression(times, values)
    off = [value - line.intercept - line.slope * at for at, value in middles]
    spread = math.fsum((at - mean(times)) ** 2 for at in times)
    error = math.sqrt(math.fsum(each**2 for each in off) / (PARTS - 2) / spread)
    return Slope(line.slope * SECONDS_AN_HOUR, T95 * error * SECONDS_AN_HOUR)


MB = 1e6
LASTING = 0.9  # of the looks after the warm-up at which a process was there
LOOKS_OF_PASSING = 2


@dataclass(frozen=True)
class Growth:
    """One process that was there all the time. Sizes in MB, slopes an hour."""

    label: str
    name: str
    sizes: list[float]
    """The median of each part of the time: what fills up and then stays is seen here."""
    memory: Slope | None
    fds: Slope | None
    threads: Slope | None


@dataclass(frozen=True)
class Passing:
    """Processes of a family that come and go: their largest sizes in MB, by when they began."""

    family: str
    count: int
    middle: float
    largest: float
    memory: Slope | None


def lasting(holdings: Iterable[Holding], warm_s: float) -> list[Growth]:
    looks, processes = _by_process(holdings, warm_s)
    found = []
    for seen in processes.values():
        if len(seen) < LASTING * looks:
            continue
        memory = [(each.at, each.anon / MB) for each in seen]
        found.append(
            Growth(
                label=seen[-1].label,
                name=seen[-1].name,
                sizes=[size for _, size in parts(memory)],
                memory=slope(memory),
                fds=slope([(each.at, each.fds) for each in seen]),
                threads=slope([(each.at, each.threads) for each in seen]),
            )
        )
    return found


def passing(holdings: Iterable[Holding], warm_s: float) -> list[Passing]:
    """Only those that began after the warm-up and were not there all the time."""
    looks, processes = _by_process(holdings, warm_s)
    peaks: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for seen in processes.values():
        one = seen[0]
        if one.born >= warm_s and LOOKS_OF_PASSING <= len(seen) < LASTING * looks:
            peaks[one.family].append((one.born, max(each.anon for each in seen) / MB))
    return [
        Passing(
            family,
            len(points),
            median([size for _, size in points]),
            max(size for _, size in points),
            slope(points),
        )
        for family, points in peaks.items()
    ]


def families(holdings: Iterable[Holding], warm_s: float) -> dict[str, Slope | None]:
    """Growth of what all processes of a family hold together (PSS), in MB an hour."""
    sums: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for each in holdings:
        if each.at >= warm_s:
            sums[each.family][each.at] += each.pss / MB
    return {family: slope(sorted(by_time.items())) for family, by_time in sums.items()}


def _by_process(
    holdings: Iterable[Holding], warm_s: float
) -> tuple[int, dict[tuple[str, int, float], list[Holding]]]:
    """How many looks there were after the warm-up, and what each saw of each process."""
    processes: dict[tuple[str, int, float], list[Holding]] = defaultdict(list)
    moments = set()
    for each in holdings:
        if each.at >= warm_s:
            processes[each.who].append(each)
            moments.add(each.at)
    return len(moments), processes


def totals(holdings: Sequence[Holding]) -> dict[str, float]:
    """Bytes (PSS) by family, of one look."""
    found: dict[str, float] = defaultdict(float)
    for each in holdings:
        found[each.family] += each.pss
    return found


STILL_MB_H = 0.1  # what grows by certainly less is not worth a line


def memory_told(
    lasting: Sequence[Growth], passing: Sequence[Passing], families: Mapping[str, Slope | None]
) -> list[str]:
    moving = [each for each in lasting if not is_still(each)]
    moving.sort(key=lambda each: each.memory.per_hour if each.memory else 0.0, reverse=True)
    lines = [
        f"{each.label}: {' '.join(f'{size:.1f}' for size in each.sizes)} MB, "
        f"{slope_told(each.memory, 'MB/h')}, "
        f"open files {slope_told(each.fds, '/h')}, threads {slope_told(each.threads, '/h')}"
        for each in moving
    ]
    if len(lasting) > len(moving):
        lines.append(
            f"{len(lasting) - len(moving)} other processes did not change by {STILL_MB_H:g} MB/h, "
            "nor in open files or threads"
        )
    lines += [
        f"{each.family}: {each.count} processes came and went, at most {each.largest:.1f} MB each "
        f"(median {each.middle:.1f}); from one to the next {slope_told(each.memory, 'MB/h')}"
        for each in passing
    ]
    lines += [
        f"{name}, all of it (PSS): {slope_told(each, 'MB/h')}" for name, each in families.items()
    ]
    return lines


def is_still(each: Growth) -> bool:
    parts = (each.memory, each.fds, each.threads)
    return all(one and abs(one.per_hour) + one.give_or_take < STILL_MB_H for one in parts)


def slope_told(found: Slope | None, unit: str) -> str:
    if found is None:
        return "too few samples for a slope"
    return f"{found.per_hour:+.2f} ± {found.give_or_take:.2f} {unit}"
