"""Histories as small files: a call as it was reported, the health of the system, and what the
verdicts should say of it.

    {"begins": "listening",                      what went before: preludes/listening.json
     "events": [[2.0, "agent", "think.error", {"message": "…"}]],
     "health": {"processes": {"letta": {"state": "failed"}}},     what differs from a healthy system
     "now": 2.5,
     "expect": {"stage": "think", "state": "failing", "cause": "letta-errors",
                "sentence": ["words that occur"], "next": ["…"], "evidence": ["…"]},
     "cleared": {"events": […], "health": {…}, "now": 9.0}}       after which nothing fails

Times are seconds since the call began. `cleared.health` is all that differs then; without it the
system is healthy again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.detour import Detour
from common.events import Event
from proxy.verdicts.system_health import Machine, ProbeResult, Process, SystemHealth, VitalsSnapshot

HISTORIES = Path(__file__).parent / "histories"
PRELUDES = HISTORIES / "preludes"
BEGAN = 1_795_000_000.0
MB = 2**20

HEALTHY = SystemHealth(
    processes={
        name: Process(name, "ready", f"ready on port {port}", BEGAN - 600, True, 100, port)
        for name, port in (
            ("livekit", 7880),
            ("models", 8090),
            ("letta", 8283),
            ("agent", 8091),
            ("proxy", 9000),
        )
    },
    probes={
        name: ProbeResult(name, target=target, at=BEGAN - 1, ms=3)
        for name, target in (
            ("livekit address", "ws://localhost:7880"),
            ("livekit credentials", "ws://localhost:7880"),
            ("letta key", "http://localhost:8283"),
            ("speech-to-text", "http://localhost:8090/v1"),
            ("text-to-speech", "http://localhost:8090/v1"),
            ("chat model", "http://localhost:8090/v1"),
            ("calls database", ".voice/calls.db"),
        )
    },
    machine=Machine(2, 0.3, 24_000 * MB, 9_000 * MB, 500 * MB, 90_000 * MB, 500 * MB, ".voice"),
    agent_name="letta-voice-agent",
    registered_name="letta-voice-agent",
    registered=True,
)

Row = list[Any]
"""An event of a file: seconds, source, `stage.name`, values."""


def read(path: Path) -> dict[str, Any]:
    history: dict[str, Any] = json.loads(path.read_text())
    return history


def events_of(rows: Iterable[Row], *, first_seq: int = 1) -> list[Event]:
    """The events of a file, numbered in the order in which they stand there."""
    events = []
    for seq, (at, source, topic, *values) in enumerate(rows, first_seq):
        stage, _, name = topic.partition(".")
        data = values[0] if values else {}
        events.append(
            Event(BEGAN + at, "room", source, stage, name, data, key=f"{topic}-{seq}", seq=seq)
        )
    return events


def all_rows(history: Mapping[str, Any]) -> list[Row]:
    """What a history holds, with what went before."""
    before: list[Row] = []
    if name := history.get("begins"):
        before = all_rows(read(PRELUDES / f"{name}.json"))
    return [*before, *history.get("events", [])]


def health_of(changes: Mapping[str, Any]) -> SystemHealth:
    """A healthy system but for these changes. Times in them count from the begin of the call."""
    processes = dict(HEALTHY.processes)
    for name, change in changes.get("processes", {}).items():
        change = {
            key: tuple(value) if isinstance(value, list) else value for key, value in change.items()
        }
        if change.get("since") is not None:
            change["since"] += BEGAN
        if "vitals" in change:
            change["vitals"] = tuple(VitalsSnapshot(**vitals) for vitals in change["vitals"])
        processes[name] = replace(processes[name], **change)
    for name in changes.get("without_processes", []):
        processes.pop(name)
    probes = dict(HEALTHY.probes)
    for name, change in changes.get("probes", {}).items():
        probe = replace(probes.get(name, ProbeResult(name)), **change)
        probes[name] = replace(probe, at=BEGAN + change["at"]) if "at" in change else probe
    for name in changes.get("without_probes", []):
        probes.pop(name)
    assert HEALTHY.machine is not None
    machine = changes.get("machine", {})
    machine = {
        key: tuple(value) if isinstance(value, list) else value for key, value in machine.items()
    }
    rest = ("registered", "registered_name", "agent_name", "worker_error", "timeline_error")
    since = changes.get("timeline_error_since")
    return replace(
        HEALTHY,
        processes=processes,
        probes=probes,
        machine=replace(HEALTHY.machine, **machine),
        timeline_error_since=BEGAN + since if since is not None else None,
        worker_detour=Detour(**changes["worker_detour"]) if "worker_detour" in changes else None,
        **{name: changes[name] for name in rest if name in changes},
    )
