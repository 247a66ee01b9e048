"""Evidence: what was reported, quoted so shortly that a person in a hurry reads it."""

from __future__ import annotations

import time
from typing import Any

from common.events import Event
from proxy.verdicts.system_health import Machine, ProbeResult, Process, SystemHealth
from proxy.verdicts.verdict import Evidence

LONGEST = 300
LATE_S = 0.5
WORDS = ("what", "message", "error", "reason")
"""Values that say in words what happened; the first there is stands before the others."""
UNSAID = ("next", "next_step", "traceback", "key", "cut", "page", "worker", "dispatch")
"""Values that are long, or say nothing about what happened."""


def clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def event(quoted: Event) -> Evidence:
    """`agent 12:03:04 think.error: Letta knows no agent agent-1 (kind gone, status 404)`."""
    text = data_text(quoted)
    text = f"{quoted.source} {clock(quoted.at)} {quoted.topic}" + (f": {text}" if text else "")
    return Evidence(text, quoted.source, quoted.at, quoted.seq or None)


def data_text(quoted: Event) -> str:
    """What the event's values say, in one short line."""
    data = quoted.data
    word = next((name for name in WORDS if data.get(name)), "")
    rest = ", ".join(
        f"{name} {_value(value)}"
        for name, value in data.items()
        if name != word and name not in UNSAID and value not in (None, "", {}, [])
    )
    if "traceback" in data:
        rest = ", ".join(part for part in (rest, last_line(str(data["traceback"]))) if part)
    if not word:
        return cut(rest)
    return cut(f"{_value(data[word])} ({rest})" if rest else _value(data[word]))


def last_line(traceback: str) -> str:
    """The line of a traceback that names the error."""
    lines = [line.strip() for line in traceback.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def process(quoted: Process, load: str = "") -> Evidence:
    """What a process, or its launcher, says of itself."""
    says = cut(quoted.detail) or "nothing more"
    silent = "; it does not answer" if quoted.answers is False else ""
    return Evidence(
        f"{quoted.name} is {quoted.state}{silent}: {says}{load}",
        f"status of {quoted.name}",
        quoted.since,
    )


def asked(quoted: Process) -> Evidence:
    """The same of one that something is waited for from, and how busy it is."""
    own = quoted.vitals[0] if quoted.vitals else None
    if own is None:
        return process(quoted)
    parts = (
        f"; CPU {own.cpu:.0%} of a core" if own.cpu is not None else "",
        f"; {own.waiting} waiting to be done" if own.waiting else "",
        f"; its loop late by {own.lag:.1f} s" if own.lag is not None and own.lag >= LATE_S else "",
        f"; {own.errors} errors within ten minutes" if own.errors else "",
        f"; last asked at {clock(own.active_at)}" if own.active_at else "",
    )
    return process(quoted, "".join(parts))


def log_lines(quoted: Process, most: int = 3) -> list[Evidence]:
    """The last lines of a process's log that tell."""
    return [Evidence(cut(line), f"{quoted.name}.log") for line in quoted.log[-most:]]


def probe(quoted: ProbeResult) -> Evidence:
    """What came of asking a service."""
    status = f", status {quoted.status}" if quoted.status is not None else ""
    target = f" at {quoted.target}" if quoted.target else ""
    result = quoted.problem or "well"
    text = f"{quoted.name}{target}: {result}{status}" + (
        f"; {cut(quoted.detail)}" if quoted.detail else ""
    )
    return Evidence(text, f"probe of {quoted.name}", quoted.at)


def worker(health: SystemHealth) -> list[Evidence]:
    """What the worker says of itself, where it says anything."""
    return [Evidence(health.worker, "status of agent", health.at or None)] if health.worker else []


def machine(health: SystemHealth, text: str) -> Evidence:
    cores = health.machine.cores if health.machine else 0
    return Evidence(f"{text} ({cores} cores)", "machine")


def busiest(machine: Machine) -> list[Evidence]:
    """The processes that use most of what is short."""
    return [Evidence(text, "machine") for text in machine.busiest]


def cut(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _value(value: Any) -> str:
    return cut(" ".join(str(value).split()), LONGEST // 2)


def weights_are_missing(what: str) -> str | None:
    """The next step, where a models server says that it has no weights (dev/models/weights.py)."""
    if "weights of" not in what or "are missing" not in what:
        return None
    return (
        "Put the files that are named there into the folder, or let this machine reach the package "
        "index or the hub; then ./restart_voice_system.sh models."
    )
