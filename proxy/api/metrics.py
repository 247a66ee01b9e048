"""`GET /metrics`: what the proxy knows, for Prometheus.

Events are counted as the timeline takes them; how things stand (open calls, what fails, processes,
probes) is read when it is asked for.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.events import Event
from proxy.api.endpoint import Endpoint
from proxy.timeline.timeline import Timeline
from proxy.verdicts.system_health import Process, SystemHealth

JOIN_BUCKETS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 15.0)
MB = 2**20
DISPATCHES = ("made", "retry", "refused", "waiting_for_worker", "verified", "alarm")


class Metrics:
    """Counts from the moment it is made."""

    def __init__(self, timeline: Timeline, health: Callable[[], SystemHealth]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Standing(timeline, health))
        self._events = Counter(
            "voice_events", "Events taken.", ["source", "stage"], registry=self._registry
        )
        self._dispatches = Counter(
            "voice_dispatches",
            "What became of dispatches; `verified`: the agent was seen in the room.",
            ["outcome"],
            registry=self._registry,
        )
        self._joins = Histogram(
            "voice_dispatch_to_agent_seconds",
            "From a dispatch to the agent in the room.",
            buckets=JOIN_BUCKETS,
            registry=self._registry,
        )
        for outcome in DISPATCHES:
            self._dispatches.labels(outcome)
        timeline.listeners.append(self.count)
        self.endpoints = [
            Endpoint("GET", "/metrics", self.get, "Figures for Prometheus.", "text/plain")
        ]

    def count(self, event: Event) -> None:
        """Count one event of the timeline."""
        self._events.labels(event.source, event.stage).inc()
        if event.source == "proxy" and event.stage == "dispatch" and event.name in DISPATCHES:
            self._dispatches.labels(event.name).inc()
            seconds = event.data.get("seconds")
            if event.name == "verified" and isinstance(seconds, int | float):
                self._joins.observe(seconds)

    async def get(self, request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


FIGURES = (
    ("memory_mb", "voice_process_memory_bytes", "Resident memory; shared pages count in each.", MB),
    ("cpu", "voice_process_cpu_cores", "Cores used over the last seconds.", 1),
    ("lag", "voice_process_loop_lag_seconds", "Lateness of the event loop within ten seconds.", 1),
    ("errors", "voice_process_recent_errors", "Errors logged within ten minutes.", 1),
    ("active_at", "voice_process_last_activity_timestamp_seconds", "When it last did work.", 1),
)


def _vitals(processes: Iterable[Process]) -> Iterable[Metric]:
    """Of each process the program's own; the worker's /metrics has more of its job processes."""
    for name, metric, help_text, factor in FIGURES:
        family = GaugeMetricFamily(metric, help_text, labels=["process"])
        for process in processes:
            for one in process.vitals[:1]:
                if (value := getattr(one, name)) is not None:
                    family.add_metric([process.name], value * factor)
        yield family


class _Standing(Collector):
    """How things stand at the moment of the question."""

    def __init__(self, timeline: Timeline, health: Callable[[], SystemHealth]) -> None:
        self._timeline = timeline
        self._health = health

    def collect(self) -> Iterable[Metric]:
        open_calls = [call for call in self._timeline.calls if call.open]
        yield GaugeMetricFamily("voice_open_calls", "Calls in progress.", len(open_calls))

        failing = GaugeMetricFamily(
            "voice_calls_failing", "Open calls with a failing stage.", labels=["stage", "cause"]
        )
        failures = Tally((call.failing, call.cause or "") for call in open_calls if call.failing)
        for (stage, cause), count in failures.items():
            failing.add_metric([str(stage), cause], count)
        yield failing

        yield GaugeMetricFamily(
            "voice_events_waiting",
            "Events that are not in the calls database yet.",
            self._timeline.queue.pending,
        )
        health = self._health()
        ready = GaugeMetricFamily(
            "voice_process_ready",
            "1 when the process does its work, else 0.",
            labels=["process", "state"],
        )
        for process in health.processes.values():
            well = process.state in ("ready", "monitoring") and process.answers is not False
            ready.add_metric([process.name, process.state], float(well))
        yield ready

        yield from _vitals(health.processes.values())

        probes = GaugeMetricFamily(
            "voice_probe_ok", "1 when the probe found nothing wrong.", labels=["probe", "problem"]
        )
        for probe in health.probes.values():
            probes.add_metric([probe.name, probe.problem], float(probe.ok))
        yield probes
