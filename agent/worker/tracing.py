"""Calls as OpenTelemetry traces: a call is one trace, a turn a span in it, its stages child spans.

Made by the worker's main process from the events of its calls, as agent/worker/metrics.py counts
them, and sent by OTLP over HTTP to OTEL_EXPORTER_OTLP_ENDPOINT. Words are not part of it, only
times, sizes, and what went wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

Event = Mapping[str, Any]

MOST_CALLS = 256  # that are remembered; what is told late of them finds its trace
FLUSH_TIMEOUT = 1000  # milliseconds at the end of the worker
STAGES = (
    # stage, the mark at which it begins (None: the end of speech), the mark at which it ends
    ("hear", None, "end_of_utterance"),
    ("transcribe", None, "transcript"),
    ("think", "decided", "first_token"),
    ("speak", "first_token", "tts_first_byte"),
    ("play", "tts_first_byte", "first_sound"),
)
TROUBLE = frozenset({"error", "degraded", "retry", "process_ended"})


class Traces:
    """Spans of the calls in progress; each is sent when it has ended."""

    def __init__(self, exporter: SpanExporter, service: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("agent")
        self._calls: OrderedDict[str, Span] = OrderedDict()

    def observe(self, event: Event) -> None:
        """Take one event of agent/events.py; those that say nothing of time are passed over."""
        data = event.get("data")
        if not isinstance(data, dict) or not isinstance(event.get("at"), int | float):
            return
        stage, name = event.get("stage"), event.get("name")
        call = self._call(event)
        if stage == "play" and name == "turn":
            self._turn(call, event, data)
        elif not call.is_recording():
            return  # told late; a turn still belongs to the call, but this cannot be added
        elif name in TROUBLE:
            self._trouble(call, f"{stage}.{name}", event, data)
        elif stage == "job" and isinstance(data.get("elapsed_ms"), int | float):
            call.add_event(str(name), {"elapsed_ms": data["elapsed_ms"]}, _ns(event["at"]))
        if stage == "job" and name == "process_ended":
            call.end(_ns(event["at"]))

    def close(self) -> None:
        """Send what is left; calls that go on end here."""
        for call in self._calls.values():
            _end(call)
        self._calls.clear()
        self._provider.force_flush(FLUSH_TIMEOUT)
        self._provider.shutdown()

    def _call(self, event: Event) -> Span:
        job = job_of(event)
        call = self._calls.get(job)
        if call is None:
            call = self._calls[job] = self._tracer.start_span(
                "call",
                kind=SpanKind.SERVER,
                start_time=_ns(event["at"]),
                attributes={"livekit.room": str(event.get("room")), "livekit.job": job},
            )
            if len(self._calls) > MOST_CALLS:
                _end(self._calls.popitem(last=False)[1])
        return call

    def _turn(self, call: Span, event: Event, data: Mapping[str, Any]) -> None:
        since, marks = data.get("since"), data.get("ms")
        if not isinstance(since, int | float) or not isinstance(marks, dict):
            return
        at = {mark: since + ms / 1000 for mark, ms in marks.items() if isinstance(ms, int | float)}
        decided = [at[mark] for mark in ("end_of_utterance", "transcript") if mark in at]
        at["decided"] = max(decided, default=since)
        turn = self._tracer.start_span(
            "turn",
            set_span_in_context(call),
            start_time=_ns(since),
            attributes={
                "turn.number": int(data.get("turn") or 0),
                "turn.interrupted": bool(data.get("interrupted")),
                "turn.user.characters": len(str(data.get("user") or "")),
                "turn.reply.characters": len(str(data.get("reply") or "")),
                "turn.heard.characters": len(str(data.get("heard") or "")),
            },
        )
        inside = set_span_in_context(turn)
        for stage, begin, end in STAGES:
            if end in at and (begin is None or begin in at):
                started = at[begin] if begin else since
                span = self._tracer.start_span(stage, inside, start_time=_ns(started))
                span.end(_ns(max(started, at[end])))
        turn.end(_ns(max(since, event["at"])))

    def _trouble(self, call: Span, topic: str, event: Event, data: Mapping[str, Any]) -> None:
        attributes = {
            key: value
            for key, value in data.items()
            if key != "traceback" and isinstance(value, str | int | float | bool)
        }
        call.add_event(topic, attributes, _ns(event["at"]))
        if topic == "job.error":
            call.set_status(Status(StatusCode.ERROR, str(data.get("message"))))


def job_of(event: Event) -> str:
    """The job an event belongs to; the worker and the job process give it in the key."""
    data = event["data"]
    return str(data.get("job_id") or str(event.get("key", "")).partition("-")[0])


def otlp(endpoint: str) -> SpanExporter:
    """Sends to an OTLP collector; `endpoint` is its base address, such as http://localhost:4318."""
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")


def _end(call: Span) -> None:
    if call.is_recording():
        call.end()


def _ns(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
