"""How long a warm ./restart_voice_system.sh takes, Letta being kept."""

from __future__ import annotations

from dev.bench.bench import Bench, progress
from dev.bench.stats import Summary
from dev.bench.table import Result, Row

GOAL_S = 6.0


async def measure(bench: Bench) -> Result:
    going_on = await bench.system.calls_going_on()
    if going_on:
        told = f"restart was not measured: it would end {going_on} call(s) that are going on"
        return Result([Row("warm restart, Letta kept", None)], [told])
    times = []
    for number in range(bench.runs(3, 1)):
        progress(f"restart {number + 1}")
        times.append(await bench.system.command())
    summary = Summary.of(times)
    met = summary.p50 is not None and summary.p50 <= GOAL_S
    # The nearest that stock has: its worker alone, from its start to being registered.
    stock = bench.stock_worker.registered_after_s
    row = Row(
        "warm restart, all but Letta ready, p50", summary.p50, stock, "s", f"≤ {GOAL_S:g} s", met
    )
    return Result([row], ["stock: only its worker, from start to registered"], {"seconds": times})
