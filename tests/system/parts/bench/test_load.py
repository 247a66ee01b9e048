"""What is made of many calls at once: the count at which it doubles, and what held them up."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psutil

from tools.bench.processes import Meter, Tree


async def test_the_meter_tells_who_was_busy() -> None:
    spin = (
        "import sys, time; print(flush=True); sys.stdin.readline(); begun = time.process_time()\n"
        "while time.process_time() < begun + 0.5: pass\n"
        "print(flush=True); sys.stdin.readline()"
    )
    busy, idle = [await _started(spin) for _ in range(2)]
    try:
        tree = Tree({"busy": psutil.Process(busy.pid), "idle": psutil.Process(idle.pid)})
        async with Meter(tree, every_s=0.2) as meter:
            assert busy.stdin is not None
            assert busy.stdout is not None
            busy.stdin.write(b"\n")
            await busy.stdout.readline()
    finally:
        for process in (busy, idle):
            process.kill()
            await process.wait()
    reading = meter.reading
    assert 0.4 < sum(meter._used["busy"].values()) < 0.8
    assert reading.families["idle"] < reading.families["busy"] / 5
    assert reading.busiest.startswith("busy")
    assert 0 < reading.busy <= reading.cores
    assert reading.available_mb > 0


async def _started(code: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process
