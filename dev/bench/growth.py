"""What a ledger says of each process: how its memory, files and threads grew after the warm-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dev.bench.ledger import Holding
from dev.bench.slope import Slope, parts, slope
from dev.bench.stats import median

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
