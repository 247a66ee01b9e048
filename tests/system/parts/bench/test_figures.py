"""What the measurements make of outcomes: late rooms, goals met and short, memory by process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tools.bench.figures import footprint


@pytest.fixture
def big_process() -> Iterator[psutil.Process]:
    """A process that holds 64 MB of its own."""
    code = "import sys; kept = bytearray(b'x') * 64_000_000; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
        assert process.stdin is not None
        process.stdin.close()


def test_pss_counts_what_a_process_holds(big_process: psutil.Process) -> None:
    held = footprint.pss([big_process])
    assert 64e6 < held < 100e6
    assert footprint.pss([big_process, big_process]) == pytest.approx(2 * held, rel=0.05)


def test_a_process_that_is_gone_has_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        gone = psutil.Process(process.pid)
    assert footprint.pss([gone]) == 0
