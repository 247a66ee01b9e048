"""How long a fast test may take: one second of waiting in each of them is half an hour."""

from __future__ import annotations

import statistics
from collections import defaultdict

import pytest

CALL_S = 5.0
TEARDOWN_S = 0.3
FEW = 5
"""The time to clear away is judged by the median of a file with at least so many tests: a single
test may have been held up by a busy machine."""


class Limits:
    """Fails the run, with a sentence for each test or file that takes too long."""

    def __init__(self) -> None:
        self._calls: dict[str, float] = {}
        self._teardowns: dict[str, list[float]] = defaultdict(list)

    def took(self, test: str, phase: str, seconds: float) -> None:
        """Note the time of one phase ("setup", "call", "teardown") of a test."""
        if phase == "call":
            self._calls[test] = seconds
        elif phase == "teardown":
            self._teardowns[test.split("::")[0]].append(seconds)

    def exceeded(self) -> list[str]:
        slow = [
            f"{test} takes {seconds:.1f} s; a fast test takes at most {CALL_S:g} s"
            for test, seconds in self._calls.items()
            if seconds > CALL_S
        ]
        for file, seconds in self._teardowns.items():
            usual = statistics.median(seconds)
            if len(seconds) >= FEW and usual > TEARDOWN_S:
                slow.append(
                    f"the tests of {file} need {usual:.2f} s to clear away (median of "
                    f"{len(seconds)}); at most {TEARDOWN_S:g} s are expected"
                )
        return slow

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.took(report.nodeid, report.when, report.duration)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.exceeded() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for sentence in self.exceeded():
            terminalreporter.write_line(f"TOO SLOW: {sentence}", red=True)
