"""Run the tests: `./scripts/test` prepares what they need and calls this.

    python -m tests.run                      the checks and every test, in its short form
    python -m tests.run --full               the same in the long forms, and the survival table
    python -m tests.run --fast [ARGUMENTS]   what needs no other program
    python -m tests.run ARGUMENTS            a part: ARGUMENTS are pytest's

Tests of real systems mostly wait, so two lanes of them run beside each other; each is a pytest of
its own with its own systems. At the end stand the slowest tests and the time of each tier.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.machine import LANES

ROOT = Path(__file__).resolve().parent.parent
SLOWEST = 30
PARTS = "tests/system/parts"
FAST = ("tests/fast", "-n", "2", "--dist", "worksteal", "--limits")
COLLECTED = ("-W", "default::pytest.PytestUnraisableExceptionWarning")
"""What the garbage collector finds, such as a connection that a library dropped when it was
cancelled, is of any test before, or of none of them: shown here, an error in the fast tests."""
SYSTEM = ("tests/system", f"--ignore={PARTS}", *COLLECTED)
FAULTS = (PARTS, "tests/faults", *COLLECTED)
"""Beside the tests of whole systems; together they take as long."""
END_S = 120
"""A pytest that was interrupted has so long to stop its systems."""


@dataclass
class Lane:
    """One command of a tier. Its output goes to the terminal line by line while it runs, what it
    says of failures in one piece when it has ended.

    `alone`: nothing runs beside it, so it has the terminal for itself.
    """

    tier: str
    command: Sequence[str]
    report: Path
    alone: bool = False
    code: int = 0
    seconds: float = 0.0
    _at_the_end: list[str] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def run(self) -> None:
        began = time.monotonic()
        with subprocess.Popen(
            self.command,
            cwd=ROOT,
            stdout=None if self.alone else subprocess.PIPE,
            stderr=None if self.alone else subprocess.STDOUT,
            text=True,
            # Ctrl-C reaches the lanes once, by `end`: a second one would interrupt their clearing.
            start_new_session=not self.alone,
        ) as self._process:
            for line in self._process.stdout or ():
                self._show(line)
            self.code = self._process.wait()
        self.seconds = time.monotonic() - began
        print("".join(self._at_the_end), end="", flush=True)

    def _show(self, line: str) -> None:
        """Progress at once; what stands below pytest's first headline of the end, at the end."""
        if self._at_the_end or (line.startswith("=") and "session starts" not in line):
            self._at_the_end.append(line)
        else:
            print(f"{self.tier:7} {line}", end="", flush=True)

    def end(self) -> None:
        """Interrupt it, and wait until it has stopped what it started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        if not self.alone:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()


def pytest_lane(tier: str, arguments: Sequence[str], folder: Path, alone: bool = False) -> Lane:
    report = folder / f"{tier}.xml"
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", "-o"]
    return Lane(tier, [*command, "junit_duration_report=total", *arguments], report, alone)


def stages(arguments: Sequence[str], folder: Path) -> list[list[Lane]]:
    """What runs one after another; the lanes of a stage run beside each other."""
    if arguments[:1] == ["--fast"]:
        return [[pytest_lane("fast", [*FAST, *arguments[1:]], folder, alone=True)]]
    if [each for each in arguments if each != "--full"]:
        return [[pytest_lane("tests", arguments, folder, alone=True)]]
    return [
        [
            Lane("check", ["./scripts/check"], folder / "check.xml"),
            pytest_lane("fast", FAST, folder),
        ],
        [
            pytest_lane("system", [*SYSTEM, *arguments], folder),
            pytest_lane("faults", [*FAULTS, *arguments], folder),
        ],
    ]


def slowest(lanes: Sequence[Lane]) -> list[str]:
    """The slowest tests of all lanes, each with what it makes ready and clears away."""
    cases = [
        (float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}")
        for lane in lanes
        if lane.report.exists()
        for case in ElementTree.parse(lane.report).iter("testcase")
    ]
    return [f"{took:7.2f} s  {name}" for took, name in sorted(cases, reverse=True)[:SLOWEST]]


def summary(lanes: Sequence[Lane], total_s: float) -> str:
    tiers = [f"{each.seconds:7.1f} s  {each.tier}{' FAILED' * bool(each.code)}" for each in lanes]
    lines = [f"the slowest {SLOWEST} tests:", *slowest(lanes), "time of each tier:", *tiers]
    return "\n".join([*lines, f"{total_s:7.1f} s  together"])


def main(arguments: Sequence[str]) -> int:
    began, done = time.monotonic(), list[Lane]()
    # SIGINT, too: whoever starts this in the background may have it ignored, and the lanes with it.
    for ended_by in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ended_by, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[LANES] = folder
        for lanes in stages(arguments, Path(folder)):
            done.extend(lanes)
            threads = [threading.Thread(target=lane.run) for lane in lanes]
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            except KeyboardInterrupt:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                print("\ninterrupted: what the tests started is stopped now", flush=True)
                enders = [threading.Thread(target=lane.end) for lane in lanes]
                for ender in enders:
                    ender.start()
                for thread in [*enders, *threads]:
                    thread.join()
                return 130
            if any(lane.code for lane in lanes):
                break
        print(summary(done, time.monotonic() - began), flush=True)
    return max((lane.code for lane in done), default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
