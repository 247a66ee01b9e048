"""The rows of the survival table, and how often and how long things are broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.survival.row import Row, render
from tests.faults.survival.survival import Survival

ROWS = pytest.StashKey[list[Row]]()

NewSurvival = Callable[[str, float | None], Survival]


@pytest.fixture
def new_survival(request: pytest.FixtureRequest) -> NewSurvival:
    """`new_survival(what is broken, goal in seconds or None)` opens a row of the table."""
    rows = request.config.stash.setdefault(ROWS, [])

    def opened(broken: str, goal_s: float | None) -> Survival:
        rows.append(Row(broken, goal_s))
        return Survival(rows[-1])

    return opened


@pytest.fixture(scope="session")
def times(full: bool) -> int:
    """How often a thing is broken, each time in a call of its own."""
    return 3 if full else 1


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("survival")
        terminalreporter.write_line(render(rows))
