"""The CPU of the machine: to blame only when something takes too long."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import stage
from proxy.verdicts.verdict import Evidence, Verdict

BUSY = 0.97
STANDS_S = 10.0
"""What has not gone on for so long stands still; what lacks CPU goes on, slowly."""


@stage.cause("machine-out-of-cpu")
def out_of_cpu(call: CallView) -> Verdict | None:
    machine = call.machine
    if machine is None or machine.cpu < BUSY or call.ended is not None or not len(call.history):
        return None
    slow = next((each for each in call.late if not _stands_still(call, each)), None)
    if slow is None:
        return stage.waiting(
            f"The machine has no CPU to spare: its {machine.cores} cores are {machine.cpu:.0%} "
            "busy. The call goes on, but everything in it may take longer.",
            quote.machine(call.health, f"CPU {machine.cpu:.0%} busy"),
            *(Evidence(one, "machine") for one in machine.busiest),
            next="End other programs (top shows them).",
        )
    return stage.failing(
        f"The machine is out of CPU: its {machine.cores} cores are {machine.cpu:.0%} busy, and "
        f"{slow.stage} takes too long: {slow.sentence}",
        "End other programs (top shows them), hold fewer calls at once, or give the machine more "
        "cores.",
        quote.machine(call.health, f"CPU {machine.cpu:.0%} busy"),
        *(Evidence(one, "machine") for one in machine.busiest),
        *slow.evidence,
        since=slow.since,
    )


def _stands_still(call: CallView, late: Verdict) -> bool:
    return late.since is not None and call.now - late.since >= STANDS_S
