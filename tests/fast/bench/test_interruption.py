"""Told to end (Ctrl-C), the bench tells what it has measured: of every figure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from dev.caller.sound import CallerVoice
from tools.bench.__main__ import FIGURES, LONG, measured, tell
from tools.bench.bench import Bench
from tools.bench.processes import Tree
from tools.bench.results import FigureRow, Result
from tools.bench.subjects import OURS, STOCK, Subject
from tools.endurance import left_over

ENDS_WITHIN_S = 5.0
WAITS_IN = {
    "joining": "tools.bench.figures.joining.calm",
    "turns": "tools.bench.figures.turns.calm",
    "interruption": "tools.bench.figures.interruption.calm",
    "rooms": "tools.bench.figures.joining.Crowd.__aenter__",
    "dispatches": "tools.bench.figures.dispatches.calm",
    "footprint": "tools.bench.figures.footprint.calm",
    "speaking": "tools.bench.figures.speaking.hear",
    "timeline": "tools.bench.figures.timeline.BenchWorker.wait_registered",
    "healthy": "tools.bench.figures.healthy.hold",
    "watching": "tools.bench.figures.watching.calm",
    "restart": "tests.fast.bench.test_interruption.AnySystem.command",
    "hearing": "tools.bench.figures.hearing.calm",
    "turntaking": "tools.bench.figures.turntaking.spoken_turns",
    "load": "tools.bench.figures.load.climb",
    "endurance": "tools.endurance.figure.hold",
}
"""For each figure, what it waits for when it is told to end."""


class AnySystem:
    """Stands for a running system of which nobody asks anything before the interruption."""

    ours = Subject(OURS, proxy_url="http://localhost:1")
    environ = dict.fromkeys(
        ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "MODELS_URL"), "http://localhost:1"
    )

    async def calls_going_on(self) -> int:
        return 0

    def tree(self) -> Tree:
        return Tree({})

    async def command(self, *_: str, **__: str) -> float:
        return 0.0


class AnyWorker:
    subject = Subject(STOCK)
    registered_after_s = 1.0


def any_bench() -> Bench:
    return Bench(cast(Any, AnySystem()), cast(Any, AnyWorker()), CallerVoice(), quick=True)


async def interrupted(work: Callable[[], Any], waits: asyncio.Event) -> Any:
    """What comes of it when it is told to end as soon as it waits."""
    task = asyncio.ensure_future(work())
    await asyncio.wait_for(waits.wait(), ENDS_WITHIN_S)
    task.cancel()
    return await asyncio.wait_for(task, ENDS_WITHIN_S)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], asyncio.Event]:
    """`waits("module.function")` makes it wait for ever; the event is set when it does."""

    def replaced(target: str) -> asyncio.Event:
        entered = asyncio.Event()

        async def wait(*_: object, **__: object) -> None:
            entered.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(target, wait)
        return entered

    async def nothing(*_: object) -> left_over.Standing:
        return left_over.Standing()

    monkeypatch.setattr(left_over, "standing", nothing)
    monkeypatch.setattr(left_over, "settled", nothing)
    return replaced


@pytest.mark.parametrize("name", [*FIGURES, *LONG])
async def test_every_figure_tells_what_it_has(
    name: str, waits: Callable[[str], asyncio.Event], capsys: pytest.CaptureFixture[str]
) -> None:
    bench, entered = any_bench(), waits(WAITS_IN[name])
    measure = {**FIGURES, **LONG}[name]
    results = await interrupted(lambda: measured(bench, {name: measure}), entered)
    assert bench.interruption.happened
    tell(results)
    shown = capsys.readouterr()
    assert "figure" in shown.out and "told to end" in shown.err
    assert results[name].rows
    met = [row.figure for row in results[name].rows if row.met and row.goal]
    assert met in ([], ["left behind by the calls"]), "nothing else was measured"


async def test_what_was_measured_before_is_told_and_nothing_more_is_begun(
    waits: Callable[[str], asyncio.Event],
) -> None:
    bench, entered = any_bench(), waits(WAITS_IN["turns"])

    async def measured_before(_: Bench) -> Result:
        return Result([FigureRow("a figure", 1.5)])

    async def never_begun(_: Bench) -> Result:
        raise AssertionError("begun after the interruption")

    figures = {"before": measured_before, "turns": FIGURES["turns"], "after": never_begun}
    results = await interrupted(lambda: measured(bench, figures), entered)
    assert list(results) == ["before", "turns"]
    assert results["before"].rows[0].ours == 1.5
