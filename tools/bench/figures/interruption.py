"""How long the agent talks on when the caller speaks into its reply, also in the first turn."""

from __future__ import annotations

from dev.caller import CallError
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.subjects import OURS, STOCK, Subject
from tools.bench.waiting import calm

ASKING = "please tell me everything that you know about me and about yourself"
INTERRUPTING = "stop, that is enough, thank you"
AFTER_S = 0.7  # of the reply's sound
GOAL_MS = 1500.0  # words are waited for, so that "mm-hmm" does not stop the agent


async def measure(bench: Bench) -> Result:
    times: dict[str, list[float]] = {OURS: [], STOCK: []}
    details = []
    runs = bench.runs(8, 3)
    with bench.until_interrupted():
        for number in range(runs):
            progress(f"interruption: call {number + 1} of {runs}, each")
            for subject in bench.subjects:
                await calm()
                try:
                    took = await _interrupt(bench, subject)
                except CallError as error:
                    details.append(f"{subject.name}: {error}")
                    continue
                if took is None:
                    details.append(f"{subject.name}: the reply was over before it was interrupted")
                else:
                    times[subject.name].append(1000 * took)
    ours, stock = (Summary.of(times[name]) for name in (OURS, STOCK))
    what = "caller interrupts → silence"
    met = None if ours.max is None else ours.max <= GOAL_MS
    rows = [
        FigureRow(f"{what}, p50", ours.p50, stock.p50, "ms"),
        FigureRow(f"{what}, max", ours.max, stock.max, "ms", f"≤ {GOAL_MS:.0f} ms", met),
    ]
    return Result(rows, details, {"ms": times})


async def _interrupt(bench: Bench, subject: Subject) -> float | None:
    """Seconds from the caller's first sound to the reply's last; None if it was over before."""
    async with subject.caller(bench.voice) as caller:
        await caller.wait_until_listening()
        first = await caller.say(ASKING, until="first_sound")
        if not first.answered:
            raise CallError(first.problem)
        await caller.say(INTERRUPTING, barge_in_after=AFTER_S)
        return first.silenced_after_s
