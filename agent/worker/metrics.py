"""What the worker counts, from the events of all its calls: `GET /metrics` for Prometheus.

The job processes only write events (agent/timeline/spool.py); the worker's main process reads every
one of them once on its way to the timeline, so a call costs nothing more to be counted, and what a
killed job had told is counted as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psutil
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
START_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0)
STAGE_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0)
MARKS = ("ctx_connected", "session_started", "init_done")
STEPS = (
    # stage, the mark at which it ends, the mark at which it began (None: the end of speech)
    ("hear", "end_of_utterance", None),
    ("transcribe", "transcript", None),
    ("think", "first_token", "decided"),
    ("speak", "tts_first_byte", "first_token"),
    ("play", "first_sound", "tts_first_byte"),
    ("turn", "first_sound", None),
)
PROVIDERS = {"transcribe": "speech-to-text", "think": "letta", "speak": "text-to-speech"}

Event = Mapping[str, Any]


class WorkerMetrics:
    """Counts events of agent/events.py. Times are in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._calls = Counter(
            "voice_calls", "Jobs the worker took or refused.", ["outcome"], registry=self.registry
        )
        self._ends = Counter(
            "voice_job_exits",
            "Job processes that ended, by exit code or signal; `unknown` when it was not seen.",
            ["code"],
            registry=self.registry,
        )
        self._starts = Histogram(
            "voice_job_start_seconds",
            "From the start of the job to each mark of its beginning.",
            ["mark"],
            buckets=START_BUCKETS,
            registry=self.registry,
        )
        self._turns = Counter(
            "voice_turns", "Turns, by how they ended.", ["outcome"], registry=self.registry
        )
        self._stages = Histogram(
            "voice_stage_seconds",
            "Each stage's share of a turn; `turn` is from the end of speech to the first sound.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        self._errors = Counter(
            "voice_provider_errors",
            "Answers of a provider that were none.",
            ["provider", "kind"],
            registry=self.registry,
        )
        self._retries = Counter(
            "voice_retries", "Tries that were made again.", ["what"], registry=self.registry
        )
        self._detectors = Counter(
            "voice_vad_loads",
            "Calls by the detector of voice activity that they had; `failed`: none was loaded.",
            ["outcome"],
            registry=self.registry,
        )
        self._init_timeouts = Counter(
            "voice_init_timeouts",
            "Job processes or calls that were not ready in time.",
            registry=self.registry,
        )

    def observe(self, event: Event) -> None:
        """Count one event; those that mean nothing here are passed over."""
        count = _COUNTED.get((str(event.get("stage")), str(event.get("name"))))
        if count is not None and isinstance(event.get("data"), dict):
            count(self, event)

    def init_timed_out(self) -> None:
        """A job process did not become ready in time."""
        self._init_timeouts.inc()

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A figure that is read at each request."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def watch_processes(self) -> None:
        """Memory and processor time of the job processes, as they are at the request."""
        self.registry.register(JobProcesses())

    def text(self) -> bytes:
        """What `GET /metrics` answers, of the type CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _accepted(self, _: Event) -> None:
        self._calls.labels("accepted").inc()

    def _refused(self, _: Event) -> None:
        self._calls.labels("refused").inc()

    def _process_ended(self, event: Event) -> None:
        data = event["data"]
        code = data.get("signal") if data.get("exit_code") is None else data["exit_code"]
        self._ends.labels("unknown" if code is None else str(code)).inc()

    def _mark(self, event: Event) -> None:
        if isinstance(ms := event["data"].get("elapsed_ms"), int | float):
            self._starts.labels(event["name"]).observe(ms / 1000)

    def _turn(self, event: Event) -> None:
        data = event["data"]
        silent = not data.get("reply")
        ended = "interrupted" if data.get("interrupted") else "unanswered" if silent else "spoken"
        self._turns.labels(ended).inc()
        if isinstance(marks := data.get("ms"), dict):
            for stage, seconds in shares(marks):
                self._stages.labels(stage).observe(seconds)

    def _error(self, event: Event) -> None:
        kind = str(event["data"].get("kind") or "other")
        self._errors.labels(PROVIDERS[event["stage"]], kind).inc()

    def _retry(self, event: Event) -> None:
        what = PROVIDERS.get(event["stage"]) or str(event["data"].get("what") or event["stage"])
        self._retries.labels(what).inc()

    def _detector(self, event: Event) -> None:
        failed = event["data"].get("backend") == "loudness"
        self._detectors.labels("failed" if failed else "loaded").inc()


def shares(marks: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """(stage, seconds) of a turn whose marks are milliseconds from the end of speech."""
    at = {name: ms / 1000 for name, ms in marks.items() if isinstance(ms, int | float)}
    decided = [at[name] for name in ("end_of_utterance", "transcript") if name in at]
    if decided:
        at["decided"] = max(decided)
    for stage, end, begin in STEPS:
        if end in at and (begin is None or begin in at):
            yield stage, max(0.0, at[end] - (at[begin] if begin else 0.0))


_COUNTED: dict[tuple[str, str], Callable[[WorkerMetrics, Event], None]] = {
    ("job", "accepted"): WorkerMetrics._accepted,
    ("job", "refused"): WorkerMetrics._refused,
    ("job", "process_ended"): WorkerMetrics._process_ended,
    ("job", "retry"): WorkerMetrics._retry,
    ("play", "turn"): WorkerMetrics._turn,
    ("hear", "vad"): WorkerMetrics._detector,
    **{(stage, "error"): WorkerMetrics._error for stage in PROVIDERS},
    ("think", "waiting"): WorkerMetrics._error,
    **{(stage, "retry"): WorkerMetrics._retry for stage in PROVIDERS},
    **{("job", mark): WorkerMetrics._mark for mark in MARKS},
}


class JobProcesses(Collector):
    """The worker's children: those with a call, and those that wait for one."""

    def collect(self) -> Iterable[Metric]:
        count = memory = cpu = 0.0
        for child in psutil.Process().children(recursive=True):
            try:
                with child.oneshot():
                    times = child.cpu_times()
                    memory += child.memory_info().rss
                    cpu += times.user + times.system
                    count += 1
            except psutil.NoSuchProcess:
                continue
        yield GaugeMetricFamily("voice_job_processes", "Child processes of the worker.", count)
        yield GaugeMetricFamily(
            "voice_job_processes_memory_bytes",
            "Their resident memory; shared pages count in each.",
            memory,
        )
        yield GaugeMetricFamily(
            "voice_job_processes_cpu_seconds", "Processor time of those that run now.", cpu
        )
