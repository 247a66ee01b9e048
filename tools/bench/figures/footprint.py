"""Memory and processor time of everything that one call needs."""

from __future__ import annotations

import asyncio
import time

import psutil

from dev.caller import Caller
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result
from tools.bench.subjects import OURS, SENTENCES, STOCK
from tools.bench.waiting import calm

GOAL_BYTES = 1.3e9
GOAL_CPU_PERCENT = 20.0
SHARED = ("livekit", "models")  # what the stock worker needs of our processes
BREATH_S = 0.5

Families = dict[str, list[psutil.Process]]
Seconds = dict[str, dict[int, float]]
"""By family and pid."""


async def measure(bench: Bench) -> Result:
    memory: dict[str, dict[str, float]] = {}
    cpu: dict[str, dict[str, float]] = {}
    with bench.until_interrupted():
        for subject in bench.subjects:
            progress(f"footprint of one call: {subject.name}")
            await calm()
            async with subject.caller(bench.voice) as caller:
                await caller.wait_until_listening()
                await caller.say(SENTENCES[0])  # what is loaded on first use is loaded
                before, began = cpu_seconds(_families(bench, subject.name)), time.monotonic()
                await _talk(caller, bench.runs(6, 3))
                took = time.monotonic() - began
                after = cpu_seconds(_families(bench, subject.name))
                cpu[subject.name] = {
                    name: 100 * seconds / took for name, seconds in used(before, after).items()
                }
                memory[subject.name] = {
                    name: pss(all_) for name, all_ in _families(bench, subject.name).items()
                }
    held, peer_held = (_sum(memory.get(name)) for name in (OURS, STOCK))
    busy, peer_busy = (_sum(cpu.get(name)) for name in (OURS, STOCK))
    return Result(
        rows=[
            FigureRow(
                "memory (PSS) of all processes in one call",
                None if held is None else held / 1e9,
                None if peer_held is None else peer_held / 1e9,
                "GB",
                f"≤ {GOAL_BYTES / 1e9:g} GB",
                None if held is None else held <= GOAL_BYTES,
            ),
            FigureRow(
                "processor time of one call, of a core",
                busy,
                peer_busy,
                "%",
                f"≤ {GOAL_CPU_PERCENT:g} %",
                None if busy is None else busy <= GOAL_CPU_PERCENT,
            ),
        ],
        details=[
            *[_line(name, memory[name], cpu[name]) for name in memory],
            "stock: its worker, and our livekit and models; it has no Letta and no page",
        ],
        raw={"pss_bytes": memory, "cpu_percent": cpu},
    )


def _sum(by_family: dict[str, float] | None) -> float | None:
    """None where a call was not held to its end."""
    return None if by_family is None else sum(by_family.values())


def _families(bench: Bench, subject: str) -> Families:
    """The processes that serve the subject now: jobs come and go."""
    system = bench.system.families()
    if subject == OURS:
        return system
    shared = {name: system[name] for name in SHARED if name in system}
    return {"worker": bench.stock_worker.family(), **shared}


async def _talk(caller: Caller, sentences: int) -> None:
    for sentence in SENTENCES[1 : sentences + 1]:
        await caller.say(sentence)
        await asyncio.sleep(BREATH_S)


def pss(processes: list[psutil.Process]) -> float:
    """Bytes of memory, what is shared counted in shares."""
    total = 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def cpu_seconds(families: Families) -> Seconds:
    """Processor time that each process of each family has used so far."""
    found: Seconds = {}
    for name, processes in families.items():
        found[name] = {}
        for process in processes:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            found[name][process.pid] = times.user + times.system
    return found


def used(before: Seconds, after: Seconds) -> dict[str, float]:
    """Seconds that each family has used in between; of a process that has ended nothing is known,
    and one that has begun counts whole."""
    return {
        name: sum(total - before.get(name, {}).get(pid, 0.0) for pid, total in processes.items())
        for name, processes in after.items()
    }


def _line(subject: str, memory: dict[str, float], cpu: dict[str, float]) -> str:
    parts = [f"{name} {memory[name] / 1e6:.0f} MB {cpu.get(name, 0):.0f} %" for name in memory]
    return f"{subject}: {', '.join(parts)}"
