"""The memory of the machine."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import stage
from proxy.verdicts.verdict import Evidence, Verdict


@stage.cause("machine-out-of-memory")
def out_of_memory(call: CallView) -> Verdict | None:
    machine = call.machine
    if machine is None or machine.memory_available >= machine.memory_low:
        return None
    left, total = machine.memory_available // 2**20, machine.memory_total // 2**20
    return stage.failing(
        f"The machine is out of memory: {left} MB of {total} MB are available"
        f"{', most is used by ' + machine.busiest[0] if machine.busiest else ''}.",
        "End what uses it (ps aux --sort=-rss | head), or keep fewer job processes: "
        "AGENT_IDLE_PROCESSES=0.",
        quote.machine(call.health, f"{left} MB of memory available"),
        *(Evidence(one, "machine") for one in machine.busiest),
    )
