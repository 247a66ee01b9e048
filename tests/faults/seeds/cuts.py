"""The links of a call, each way in which one is cut here, and the stages that may name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from tests.faults.injected import job_process, models_fail, stopped
from tests.faults.network import Network
from tests.faults.processes import kill, program
from tests.faults.seeds.cutter import WAYS, Cutter, Way
from tests.faults.seeds.letta_server import LettaServer
from tests.faults.seeds.livekit_front import Links
from tests.running_system import System

Inject = Callable[[], AbstractContextManager[None]]


ROOM = {"token", "signal", "dispatch", "system"}
TOLD_BY_WORKER = {"system", "job", "join", "hear", "transcribe", "think"}


@dataclass(frozen=True)
class Cut:
    """`right`: the stages one of which has to be named; `near`: those that are half right.

    `in_call`: it cuts what is there in a call only; `by_page`: what only a browser can tell of;
    `apart`: in the network of tests/faults/network.py, with a page as the caller.
    """

    link: str
    way: str
    right: frozenset[str]
    near: frozenset[str]
    inject: Inject
    in_call: bool = False
    by_page: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Parts:
    """What can be cut: a system, its Letta, and the relays between its parts."""

    system: System
    letta: LettaServer
    sfu: Links
    hearing: Cutter
    speaking: Cutter
    thinking: Cutter
    webhooks: Cutter
    timeline: Cutter


def all_cuts(parts: Parts, apart: Callable[[], tuple[System, Network]]) -> list[Cut]:
    system = parts.system
    hear, think, speak = {"transcribe"}, {"think"}, {"speak"}
    cuts = [
        *_relayed("worker ↔ speech-to-text", parts.hearing, hear | {"system"}, {"hear", "think"}),
        *_relayed("worker ↔ text-to-speech", parts.speaking, speak | {"system"}, {"play"}),
        *_relayed("worker ↔ Letta", parts.thinking, think | {"join", "system"}, {"job"}),
        *_relayed("SFU ↔ webhooks", parts.webhooks, ROOM, set()),
        *_relayed("worker ↔ timeline", parts.timeline, TOLD_BY_WORKER, {"speak", "play"}),
        *_signal("caller", parts.sfu, {"signal", "media", "token"}, {"hear", "join", "dispatch"}),
        *_signal("job", parts.sfu, {"job", "join", "play", "hear"}, {"dispatch"}),
        *_signal("worker", parts.sfu, {"dispatch", "job", "system"}, {"join"}),
        *_signal("proxy", parts.sfu, {"dispatch", "system", "token"}, {"job", "join"}),
    ]

    media = frozenset({"media", "hear", "signal"})
    for ports in (("UDP",), ("UDP", "TCP")):
        lost = partial(_packets_lost, apart, ports)
        way = f"lost over {' and '.join(ports)}"
        near = frozenset({"join", "play", "transcribe"})
        cuts.append(Cut("packets of sound", way, media, near, lost, apart=True))

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

    processes("models", {"system", "transcribe", "think", "speak"}, set())
    processes("livekit", {"system", "signal", "media", "join", "job"}, {"dispatch"})
    processes("agent", {"system", "job", "join"}, {"dispatch", "hear"})
    job = frozenset({"system", "job", "join"})
    for way, how in (("stands still", _job), ("is killed", _job_killed)):
        cuts.append(Cut("job", way, job, frozenset({"hear"}), partial(how, system), in_call=True))
    for way, fails in (
        ("stands still", parts.letta.stands_still),
        ("is killed", parts.letta.is_killed),
        ("cannot read its memory", parts.letta.without_memory),
    ):
        right = frozenset({"system", "think", "join"})
        cuts.append(Cut("letta", way, right, frozenset({"job"}), fails))
    return cuts


def _relayed(link: str, cutter: Cutter, right: set[str], near: set[str]) -> list[Cut]:
    return [
        Cut(link, way, frozenset(right), frozenset(near), partial(_cut, cutter, way))
        for way in WAYS
    ]


@contextmanager
def _packets_lost(
    apart: Callable[[], tuple[System, Network]], ports: tuple[str, ...]
) -> Iterator[None]:
    system, network = apart()
    with network.closed(*((each.lower(), system.port(f"LIVEKIT_{each}_PORT")) for each in ports)):
        yield


def _signal(link: str, sfu: Links, right: set[str], near: set[str]) -> list[Cut]:
    named, by_page = f"{link} ↔ SFU", link == "caller"
    return [
        Cut(
            named,
            way,
            frozenset(right),
            frozenset(near),
            partial(sfu.cut, link, way),
            by_page=by_page,
        )
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
