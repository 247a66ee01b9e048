"""What the worker counts of refusals and of its providers, read before and after."""

from __future__ import annotations

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from dev.bench.system import System

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
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            labels = " ".join(sample.labels[each] for each in LABELS if each in sample.labels)
            for (name, wanted), told in TROUBLE.items():
                if sample.name == name and wanted in ("", labels):
                    said = told if wanted or not labels else f"{told} {labels}"
                    found[said] = sample.value
    return found


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}
