"""The links of a call, each way in which one is cut here, and the stages that may name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from tests.faults.injected import broken_letta_memory, job_process, models_fail, stopped
from tests.faults.processes import kill, program
from tests.faults.seeds.cutter import WAYS, Cutter, Way
from tests.running_system import System

Inject = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Cut:
    """`right`: the stages one of which has to be named; `near`: those that are half right."""

    link: str
    way: str
    right: frozenset[str]
    near: frozenset[str]
    inject: Inject


@dataclass(frozen=True)
class Parts:
    """What can be cut: a system, and the relays in front of its speech servers."""

    system: System
    hearing: Cutter
    speaking: Cutter


def all_cuts(parts: Parts) -> list[Cut]:
    system = parts.system
    hear, think, speak = {"transcribe"}, {"think"}, {"speak"}
    cuts = [
        *_relayed("worker ↔ speech-to-text", parts.hearing, hear | {"system"}, {"hear", "think"}),
        *_relayed("worker ↔ text-to-speech", parts.speaking, speak | {"system"}, {"play"}),
    ]

    def models(link: str, endpoint: str, right: set[str], near: set[str], **ways: Any) -> None:
        for name, how in ways.items():
            inject = partial(models_fail, system, endpoint, **how)
            cuts.append(Cut(link, name, frozenset(right | {"system"}), frozenset(near), inject))

    models(
        "Letta ↔ language model",
        "chat",
        think,
        set(),
        answers_500={"status": 500},
        answers_401={"status": 401},
        answers_429={"status": 429},
        is_late={"delay_s": 25},
        stalls={"stall_after_bytes": 200},
        is_empty={"empty": True},
        resets={"reset": True},
    )
    models(
        "speech-to-text",
        "stream",
        hear,
        {"think", "hear"},
        hears_nothing={"deaf": True},
        stalls={"stall_after_bytes": 0},
    )
    models(
        "text-to-speech",
        "speech",
        speak,
        {"play"},
        is_silent={"silent": True},
        is_empty={"empty": True},
        stalls={"stall_after_bytes": 2000},
        answers_500={"status": 500},
    )

    def processes(name: str, right: set[str], near: set[str]) -> None:
        frozen, killed = partial(_frozen, system, name), partial(_killed, system, name)
        cuts.append(Cut(name, "stands still", frozenset(right), frozenset(near), frozen))
        cuts.append(Cut(name, "is killed", frozenset(right), frozenset(near), killed))

    processes("letta", {"system", "think"}, {"join"})
    processes("models", {"system", "transcribe", "think", "speak"}, set())
    processes("livekit", {"system", "signal", "media", "join", "job"}, {"dispatch"})
    processes("agent", {"system", "job", "join"}, {"dispatch", "hear"})
    job = {"system", "job", "join"}
    cuts += [
        Cut("job", "stands still", frozenset(job), frozenset({"hear"}), partial(_job, system)),
        Cut("job", "is killed", frozenset(job), frozenset(), partial(_job_killed, system)),
        Cut(
            "Letta ↔ its memory",
            "cannot be read",
            frozenset({"think"}),
            frozenset({"join"}),
            partial(broken_letta_memory, system),
        ),
    ]
    return cuts


def _relayed(link: str, cutter: Cutter, right: set[str], near: set[str]) -> list[Cut]:
    return [
        Cut(link, way, frozenset(right), frozenset(near), partial(_cut, cutter, way))
        for way in WAYS
    ]


@contextmanager
def _cut(cutter: Cutter, way: Way) -> Iterator[None]:
    cutter.way = way
    try:
        yield
    finally:
        cutter.way = None


@contextmanager
def _frozen(system: System, name: str) -> Iterator[None]:
    process = program(system, name)
    assert process is not None, f"{name} does not run"
    with stopped(process.pid):
        yield


@contextmanager
def _killed(system: System, name: str) -> Iterator[None]:
    kill(system, name)
    yield


@contextmanager
def _job(system: System) -> Iterator[None]:
    with stopped(job_process(system).pid):
        yield


@contextmanager
def _job_killed(system: System) -> Iterator[None]:
    process: psutil.Process = job_process(system)
    process.kill()
    yield
