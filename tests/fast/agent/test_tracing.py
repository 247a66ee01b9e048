"""A call as a trace: read back by a collector that speaks OTLP."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agent.worker.tracing import Traces, otlp

SINCE = 1000.0
MARKS = {
    "end_of_utterance": 300,
    "transcript": 200,
    "first_token": 500,
    "tts_first_byte": 600,
    "first_sound": 750,
}


class Collector:
    """What an OTLP collector got, as (name, id of the trace, id of the span, of its parent)."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> Any:
        (span,) = [each for each in self.spans if each.name == name]
        return span


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.add_routes([web.post("/v1/traces", collector.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


def event(number: int, stage: str, name: str, at: float, **data: Any) -> dict[str, Any]:
    return {
        "at": at,
        "room": "r",
        "source": "agent",
        "stage": stage,
        "name": name,
        "data": data,
        "key": f"AJ_1-abcd-{number}",
    }


def turn(number: int, at: float) -> dict[str, Any]:
    told = {"turn": 1, "user": "hi", "reply": "Hello.", "heard": "Hello.", "interrupted": False}
    return event(number, "play", "turn", at, **told, since=SINCE, ms=MARKS)


async def exported(collector: Collector, *events: dict[str, Any]) -> None:
    traces = Traces(otlp(collector.url), "voice")
    for each in events:
        traces.observe(each)
    await asyncio.to_thread(traces.close)


async def test_a_call_is_one_trace_a_turn_a_span_its_stages_its_children(
    collector: Collector,
) -> None:
    await exported(
        collector,
        event(1, "job", "handshake_start", 990.0),
        event(2, "job", "init_done", 990.3, elapsed_ms=300.0),
        event(3, "think", "error", 999.0, message="no answer", kind="timeout"),
        turn(4, 1002.0),
        event(5, "job", "process_ended", 1010.0, job_id="AJ_1", exit_code=0),
    )
    call, talked = collector.named("call"), collector.named("turn")
    assert len({span.trace_id for span in collector.spans}) == 1
    assert talked.parent_span_id == call.span_id
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == (990 * 10**9, 1010 * 10**9)
    assert [each.name for each in call.events] == ["init_done", "think.error", "job.process_ended"]
    for stage, start, end in (
        ("hear", 0.0, 0.3),
        ("transcribe", 0.0, 0.2),
        ("think", 0.3, 0.5),
        ("speak", 0.5, 0.6),
        ("play", 0.6, 0.75),
    ):
        span = collector.named(stage)
        assert span.parent_span_id == talked.span_id
        assert span.start_time_unix_nano / 1e9 == pytest.approx(SINCE + start)
        assert span.end_time_unix_nano / 1e9 == pytest.approx(SINCE + end)


async def test_no_words_leave_the_machine(collector: Collector) -> None:
    await exported(collector, turn(1, 1002.0))
    assert collector.spans
    assert not any("Hello." in str(span) for span in collector.spans)


async def test_what_is_told_after_the_end_finds_its_trace(collector: Collector) -> None:
    await exported(
        collector,
        event(1, "job", "accepted", 990.0, job_id="AJ_1"),
        event(2, "job", "process_ended", 1001.0, job_id="AJ_1", exit_code=None, signal="SIGKILL"),
        event(3, "job", "ended", 1001.0, reason="late"),
        turn(4, 1002.0),
    )
    assert collector.named("turn").parent_span_id == collector.named("call").span_id


async def test_odd_events_and_a_call_that_goes_on(collector: Collector) -> None:
    await exported(
        collector,
        {"stage": "play", "name": "turn", "data": None},
        event(1, "play", "turn", 5.0, since="x", ms=[]),
        event(2, "job", "retry", 6.0, what="connect", error="refused"),
    )
    assert [each.name for each in collector.named("call").events] == ["job.retry"]
