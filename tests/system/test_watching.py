"""A whole system that watches itself, in two real calls: its logs as JSON, its figures, its traces,
and a worker that has grown over its limit.

AGENT_MEMORY_LIMIT_MB is less than a worker needs, so that it has outgrown it with its first call.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from agent.worker.monitor import EVERY
from dev.caller import Caller, ServerAccess
from dev.supervisor.process_log import OWN
from tests.running_system import ROOT, System, new_system
from tests.system.checkout import wait_for
from tests.system.worker import Worker

LIMIT_MB = 50
REPLACED_S = 60.0
"""A start may take long on a busy machine; it takes some seconds else."""
TURN_S = 40.0
WORKERS = (
    "voice_calls_total", "voice_turns_total", "voice_stage_seconds_bucket",
    "voice_provider_errors_total", "voice_retries_total", "voice_vad_loads_total",
    "voice_init_timeouts_total", "voice_job_exits_total", "voice_job_start_seconds_bucket",
    "voice_spool_bytes", "voice_loop_lag_seconds", "voice_job_loop_lag_seconds",
    "voice_last_activity_timestamp_seconds", "voice_logged_errors",
    "process_resident_memory_bytes", "process_cpu_seconds_total",
    "voice_job_processes_memory_bytes",
)  # fmt: skip
PROXYS = (
    "voice_dispatches_total", "voice_dispatch_to_agent_seconds_bucket", "voice_open_calls",
    "voice_process_memory_bytes", "voice_process_cpu_cores", "voice_process_loop_lag_seconds",
    "voice_process_recent_errors", "voice_process_last_activity_timestamp_seconds",
)  # fmt: skip


class Collector:
    """What speaks OTLP over HTTP; `spans` is all it got."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        outer = self

        class Takes(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in resource.scope_spans:
                        outer.spans.extend(scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of_room(self, room: str) -> list[Any]:
        """The spans of the trace of the call in this room."""
        calls = [one for one in self.spans if one.name == "call" and room in str(one.attributes)]
        return [one for one in self.spans if calls and one.trace_id == calls[0].trace_id]


@dataclass
class Watched:
    """The system, and what was seen of it while two calls were held."""

    system: System
    collector: Collector
    pids: list[int] = field(default_factory=list)
    """Of the worker: before the first call, at its end, and at the end of it all."""
    memory_mb: int = 0
    taken_by: list[int] = field(default_factory=list)
    figures: dict[str, set[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    collector = Collector()
    system = new_system(
        tmp_path_factory.mktemp("watched"),
        LOG_FORMAT="json",
        AGENT_MEMORY_LIMIT_MB=str(LIMIT_MB),
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )
    try:
        system.start()
        watched = Watched(system, collector)
        asyncio.run(two_calls(watched))
        yield watched
    finally:
        system.stop()
        collector.server.shutdown()
        collector.server.server_close()


async def two_calls(watched: Watched) -> None:
    system = watched.system
    watched.pids.append(program(system)["pid"])
    await one_call(watched, "first", stays=EVERY * 1.5)
    watched.pids.append(program(system)["pid"])
    await asyncio.to_thread(
        wait_for, "it asks", lambda: "is to be replaced" in system.log("agent"), REPLACED_S
    )
    # Begun while another worker takes over: no dispatch is lost.
    await one_call(watched, "second")
    await asyncio.to_thread(
        wait_for, "another runs", lambda: program(system)["pid"] != watched.pids[0], REPLACED_S
    )
    watched.pids.append(program(system)["pid"])
    watched.figures["proxy"] = exported(system.proxy_url)


async def one_call(watched: Watched, room: str, stays: float = 0.0) -> None:
    async with Caller(watched.system.proxy_url, room, record=False) as caller:
        await caller.wait_until_listening(TURN_S)
        turn = await caller.say("hello who are you", timeout=TURN_S)
        assert turn.answered, turn.problem
        until = time.monotonic() + stays
        while stays and not (time.monotonic() > until and is_counted(watched)):
            if time.monotonic() > until + TURN_S:
                # A sentence that was split by a busy machine has no times.
                await caller.say("what is your name", timeout=TURN_S)
                until = time.monotonic()
            own = asked(f"{watched.system.agent_url}/worker")["processes"][0]
            watched.memory_mb = own["memory_mb"]
            assert own["pid"] == watched.pids[0], "replaced during a call"
            await asyncio.sleep(0.5)
        assert caller.agent_count == 1
    await asyncio.to_thread(wait_for, "the call ends", lambda: not jobs(watched.system), 30)


def is_counted(watched: Watched) -> bool:
    """Whether the times of a turn are among the worker's figures; keeps those."""
    watched.figures["worker"] = exported(watched.system.agent_url)
    return "voice_stage_seconds_bucket" in watched.figures["worker"]


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def jobs(system: System) -> list[Any]:
    found: list[Any] = asked(f"{system.agent_url}/worker")["jobs"]
    return found


def program(system: System) -> dict[str, Any]:
    found = system.status("agent")["program"]
    assert isinstance(found, dict)
    return found


def exported(url: str) -> set[str]:
    """The names of all samples, and of counters that have none yet."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        name
        for family in text_string_to_metric_families(text)
        for name in (f"{family.name}_total", *(sample.name for sample in family.samples))
    }


def lines(system: System, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in system.log(name).splitlines()]


def test_a_worker_over_its_limit_is_replaced_between_calls(watched: Watched) -> None:
    before, at_the_end, after = watched.pids
    assert watched.memory_mb > LIMIT_MB, "it is over its limit all the time"
    assert before == at_the_end != after
    assert watched.system.status("agent")["restarts"] == 0, "it is no crash"
    said = [line["message"] for line in lines(watched.system, "agent")]
    asks = f"pid {before} asks to be replaced: it had "
    why, *_ = [words for words in said if words.startswith(asks)]
    assert f"over AGENT_MEMORY_LIMIT_MB ({LIMIT_MB})" in why
    wait_for("the old one has ended", lambda: has_ended(watched.system, before), REPLACED_S)


def has_ended(system: System, pid: int) -> bool:
    said = [line["message"] for line in lines(system, "agent")]
    return any(f"pid {pid}, which ran" in words and "(exit code 0)" in words for words in said)


def test_every_line_of_every_log_is_json_that_says_whose_it_is(watched: Watched) -> None:
    for name in ("livekit", "models", "letta", "agent", "proxy"):
        found = lines(watched.system, name)
        assert found, name
        for line in found:
            assert set(OWN) <= line.keys(), line
            assert datetime.fromisoformat(line["time"]).tzinfo is not None, line
            assert line["process"] == name, line
    console = (watched.system.home / "logs" / "honcho.log").read_text().splitlines()
    others = [line for line in console if not line.startswith("{")]
    assert all(" started (pid=" in line for line in others), "honcho's own, of the start"


def test_the_lines_of_a_call_name_its_room_and_job(watched: Watched) -> None:
    system = watched.system
    of_jobs = [line for line in lines(system, "agent") if line["logger"] == "agent.job"]
    assert {line["room"] for line in of_jobs} == {"first", "second"}
    job_of = {line["room"]: line["job"] for line in of_jobs}
    assert len({line["job"] for line in of_jobs}) == 2
    accepted = [line for line in lines(system, "agent") if "Job accepted" in line["message"]]
    assert {line["room"]: line["job"] for line in accepted} == job_of
    dispatched = [line for line in lines(system, "proxy") if line["logger"] == "proxy.dispatch"]
    assert {line["room"] for line in dispatched} == {"first", "second"}
    joined = [line for line in dispatched if " is in room " in line["message"]]
    assert {line["room"]: line["job"] for line in joined} == job_of
    assigned = [line for line in lines(system, "livekit") if line.get("job")]
    assert {line["job"] for line in assigned} >= set(job_of.values())


def test_no_secret_is_in_a_log(watched: Watched) -> None:
    for path in (watched.system.home / "logs").iterdir():
        assert watched.system.api_secret not in path.read_text(errors="replace"), path.name


def test_all_figures_are_exported_and_those_of_the_alerts_exist(watched: Watched) -> None:
    worker, proxy = watched.figures["worker"], watched.figures["proxy"]
    assert set(WORKERS) - worker == set()
    assert set(PROXYS) - proxy == set()
    rules = (ROOT / "dev" / "monitoring" / "alerts.yml").read_text()
    asked_for = {
        word.split("{")[0].split("[")[0]
        for word in rules.replace("(", " ").replace(")", " ").split()
        if word.startswith("voice_") and ("{" in word or "[" in word)
    }
    assert len(asked_for) >= 6
    assert asked_for - worker == set()


def test_a_call_is_a_trace_with_its_turn_and_stages(watched: Watched) -> None:
    def named(name: str) -> list[Any]:
        return [one for one in watched.collector.of_room("first") if one.name == name]

    wait_for("the trace", lambda: named("call") and named("play"), 30)
    (call,), turns = named("call"), named("turn")
    assert {turn.parent_span_id for turn in turns} == {call.span_id}
    for stage in ("transcribe", "think", "speak", "play"):
        of = {one.parent_span_id for one in named(stage)}
        assert of and of <= {turn.span_id for turn in turns}, stage


async def test_a_worker_without_a_launcher_ends_when_its_call_has(
    watched: Watched, tmp_path: Path
) -> None:
    system = watched.system
    worker = Worker(system, tmp_path, "alone", AGENT_MEMORY_LIMIT_MB=str(LIMIT_MB))
    way_in = ServerAccess(system.livekit_url, system.api_key, system.api_secret, worker.name)
    try:
        async with Caller(way_in, "third", record=False) as caller:
            await caller.wait_until_listening(TURN_S)
            await asyncio.sleep(EVERY * 1.5)  # more than one look
            assert worker.process.poll() is None and caller.agent_count == 1
        code = await asyncio.to_thread(worker.process.wait, REPLACED_S)
    finally:
        worker.stop()
    assert code == 0, worker.log()
    assert "this worker ends, to be started again: it had" in worker.log()
