"""How many seeds are drawn, and their table at the end."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.seeds.test_seeds import SEEDS, Outcome

DRAWN, IN_FULL = 20, 500


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" not in metafunc.fixturenames:
        return
    config = metafunc.config
    one = config.getoption("--seed")
    count = config.getoption("--seeds") or (IN_FULL if config.getoption("--full") else DRAWN)
    metafunc.parametrize("seed", [one] if one is not None else range(1, count + 1))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    outcomes = config.stash.get(SEEDS, [])
    if not outcomes:
        return
    terminalreporter.section("seeds")
    terminalreporter.write_line(_table(outcomes))


def _table(outcomes: list[Outcome]) -> str:
    lines = [
        f"{o.seed:>4}  {o.link:24}  {o.way:14}  {o.moment:12}  {o.verdict:8}  {o.named:34}  "
        f"{'' if o.seconds is None else f'{o.seconds:.1f} s':>7}  "
        f"{'' if o.cleared else 'NOT CLEARED'}"
        for o in outcomes
    ]
    counts = Counter(outcome.verdict for outcome in outcomes)
    lines.append(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return "\n".join(lines)
