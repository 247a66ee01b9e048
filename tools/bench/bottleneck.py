"""What held the callers up: one sentence from what the machine and the worker did meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tools.bench.processes import Reading
from tools.bench.system import System

CORES_SHARE = 0.5  # of the time for which all cores have to be saturated
ONE_CORE = 0.9  # used by one process, which cannot use more when it is single-threaded
LOW_MEMORY_MB = 512.0
CALLERS = "callers"
OTHERS_TOLD = 0.1  # of a core
OTHERS_SPOIL = 0.2  # of all cores: the figures are not those of this system any more
NAMED = 3  # families in the sentence


def bottleneck(reading: Reading, absent: int, counted: Mapping[str, float]) -> str:
    """`absent`: rooms without an agent; `counted`: what the worker counted of refusals and errors
    meanwhile, by a name that can be shown."""
    found = [*_processor(reading), *_one_process(reading)]
    if reading.available_mb < LOW_MEMORY_MB:
        found.append(f"memory: {reading.available_mb:.0f} MB were left")
    troubles = [f"{name} {number:.0f}" for name, number in counted.items() if number > 0]
    if troubles:
        found.append(f"a limit or a provider ({', '.join(troubles)})")
    if absent:
        found.append(f"{absent} rooms got no agent")
    busy = f"{reading.busy:.1f} of {reading.cores} cores busy"
    said = "; ".join(found) if found else f"nothing was saturated ({busy})"
    others = f"other programs of this machine took {reading.others:.1f} of {reading.cores} cores"
    if reading.others >= OTHERS_SPOIL * reading.cores:
        return f"{others}, so this step says little of the system; {said}"
    return f"{said}; {others}" if reading.others >= OTHERS_TOLD else said


def _processor(reading: Reading) -> list[str]:
    if reading.saturated < CORES_SHARE:
        return []
    by_use = sorted(reading.families.items(), key=lambda each: -each[1])
    served = [f"{name} {cores:.2f}" for name, cores in by_use if name != CALLERS]
    callers = reading.families.get(CALLERS, 0.0)
    return [
        f"the processor: all {reading.cores} cores at 90 % or more for "
        f"{100 * reading.saturated:.0f} % of the time; most took {', '.join(served[:NAMED])}, "
        f"and the callers {callers:.2f}"
    ]


def _one_process(reading: Reading) -> list[str]:
    """On a machine with a core to spare, one process may still have none."""
    if reading.saturated >= CORES_SHARE or reading.busiest_cores < ONE_CORE:
        return []
    return [f"one process at {100 * reading.busiest_cores:.0f} % of a core: {reading.busiest}"]


def doubles_at(medians: Mapping[int, float | None]) -> int | None:
    """The smallest number of rooms measured at which the median is twice that of one room.

    A median of None is that of rooms in which nobody was answered. None: it never doubled, or one
    room was not measured.
    """
    alone = medians.get(1)
    if alone is None:
        return None
    for size in sorted(medians):
        median = medians[size]
        if median is None or median >= 2 * alone:
            return size
    return None


TROUBLE = {
    # the counter and its label, and how it is told
    ("voice_calls_total", "refused"): "calls refused by the worker",
    ("voice_provider_errors_total", ""): "errors of",
    ("voice_retries_total", ""): "tries again of",
    ("voice_init_timeouts_total", ""): "processes that were not ready in time",
}
LABELS = ("outcome", "provider", "kind", "what")


async def counters(system: System) -> dict[str, float]:
    """Trouble that the worker has counted since it began, by a name that can be shown."""
    url = f"{system.environ['AGENT_URL']}/metrics"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return trouble(await answer.text())


def trouble(metrics: str) -> dict[str, float]:
    counted: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            labels = " ".join(sample.labels[each] for each in LABELS if each in sample.labels)
            for (name, wanted), told in TROUBLE.items():
                if sample.name == name and wanted in ("", labels):
                    said = told if wanted or not labels else f"{told} {labels}"
                    counted[said] = sample.value
    return counted


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}
