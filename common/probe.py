"""A probe: one question to the system, and what came of it. Standard library only.

The doctor, `scripts/doctor URL`, the connection test of the page and the watch of the proxy are
views of probes. A probe has a name, what it needs, a time limit and a next step; what it finds is a
`Finding` with a sentence.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Literal, TypeVar

State = Literal["ok", "warn", "fail", "skip"]
ROOM_PREFIX = "connection-test-"
"""Of rooms that only serve to try the way to the LiveKit server: they are no calls."""


@dataclass(frozen=True)
class Finding:
    """What one probe found, for people.

    `what` was looked at, `detail` says how it stands, `next` what to do when it is not well.
    `skip` is what could not be looked at, because something else is wrong or not wanted; `detail`
    then says why. `ms` are milliseconds. `expected` is what an ok would have been, where that is
    not plain. `quiet` findings are shown only to who asks for every detail.
    """

    group: str
    what: str
    state: State
    detail: str = ""
    next: str = ""
    ms: float | None = None
    quiet: bool = False
    expected: str = ""


class ProbeFailed(Exception):
    """A probe did not find what it looked for: why, and what to do unless the probe's own next step
    fits; `state` is fail, or warn where the system works all the same."""

    def __init__(self, detail: str, next_step: str = "", state: State = "fail") -> None:
        super().__init__(detail)
        self.detail, self.next, self.state = detail, next_step, state


ProbeAnswer = str | Finding | Sequence[Finding]
"""What a probe for people returns: the sentence of an ok, or one finding or several."""
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Probe(Generic[T_co]):
    """One question. `ask` raises `ProbeFailed`, or whatever went wrong.

    `needs` names the probes that must be ok before this one can be asked; `limit` is in seconds.
    """

    name: str
    ask: Callable[[], Awaitable[T_co]]
    group: str = ""
    needs: tuple[str, ...] = ()
    limit: float = 10.0
    next: str = ""
    expected: str = ""


async def run(
    probes: Iterable[Probe[ProbeAnswer]], *, at_once: int = sys.maxsize
) -> list[list[Finding]]:
    """Ask all probes, `at_once` of them at a time, each as soon as what it needs is found; what
    each found, in the order of the probes. A probe whose needs are not met is skipped. Nothing is
    raised."""
    slots = asyncio.Semaphore(at_once)
    tasks: dict[str, asyncio.Task[list[Finding]]] = {}

    async def ask_in_turn(probe: Probe[ProbeAnswer]) -> list[Finding]:
        for need in probe.needs:
            if need in tasks and not is_ok(await tasks[need]):
                return [_finding(probe, "skip", f"not asked, since this does not work: {need}")]
        async with slots:
            return await ask(probe)

    every = []
    for probe in probes:
        task = asyncio.create_task(ask_in_turn(probe), name=f"probe: {probe.name}")
        tasks.setdefault(probe.name, task)
        every.append(task)
    try:
        return list(await asyncio.gather(*every))
    finally:
        for task in every:
            task.cancel()
        # Each cleans up first: a room that was made is deleted, a process ended.
        await asyncio.gather(*every, return_exceptions=True)


async def ask(probe: Probe[ProbeAnswer]) -> list[Finding]:
    """What one probe finds, timed; a probe that is late or broken says so in a finding."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(probe.limit):
            answer = await probe.ask()
    except ProbeFailed as error:
        advice = "" if error.state == "skip" else error.next or probe.next
        answer = _finding(probe, error.state, error.detail, advice)
    except TimeoutError:
        detail = f"not done within {probe.limit:g} s: this machine, or what was asked, is too slow"
        next_step = probe.next or "look at the machine's load, and try again"
        answer = _finding(probe, "fail", detail, next_step)
    except Exception as error:  # one probe that is broken must not keep the others from telling
        answer = _finding(probe, "fail", broken(error), "report it, please")
    if isinstance(answer, str):
        answer = _finding(probe, "ok", answer)
    elif not isinstance(answer, Finding):
        return list(answer)
    if answer.ms is None and answer.state != "skip":
        answer = replace(answer, ms=milliseconds_since(began))
    return [answer]


def flat(groups: Iterable[Iterable[Finding]]) -> list[Finding]:
    """What several probes found, as one list."""
    return [finding for group in groups for finding in group]


def is_ok(findings: Iterable[Finding]) -> bool:
    """Whether what needs these findings can go on."""
    return all(finding.state in ("ok", "warn") for finding in findings)


def broken(error: Exception) -> str:
    """The sentence of a check that failed by a mistake in itself."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"this check is broken: {type(error).__name__}: {error} ({place})"


def milliseconds_since(began: float) -> float:
    """Since a moment of `time.monotonic()`."""
    return round((time.monotonic() - began) * 1000, 1)


def is_probe_room(room: str) -> bool:
    """Whether nothing of `room` belongs into a timeline."""
    return room.startswith(ROOM_PREFIX)


def _finding(probe: Probe[ProbeAnswer], state: State, detail: str, next_step: str = "") -> Finding:
    return Finding(probe.group, probe.name, state, detail, next_step, expected=probe.expected)
