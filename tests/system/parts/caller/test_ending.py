"""A program that is told to end cleans up, says so by its exit code, and does not wait for ever."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.running_system import ROOT

PROGRAM = """
import asyncio, sys
from dev.caller.ending import end_process, run

async def work():
    try:
        print("working", flush=True)
        await asyncio.sleep(30)
    finally:
        print("hung up")
        {afterwards}
    return 0

end_process(run(work()))
"""


def started(afterwards: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(afterwards=afterwards)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_once_it_cleans_up(number: signal.Signals) -> None:
    with started("pass") as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=10)
    assert output == "hung up\n"
    assert process.returncode == 128 + number


def test_told_twice_it_ends_though_the_cleaning_hangs() -> None:
    with started("sys.stdout.flush(); await asyncio.sleep(30)") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "hung up\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGINT


def test_the_exit_code_is_that_of_the_work() -> None:
    program = """
from dev.caller.ending import end_process, run
async def work():
    print("a line without a flush")
    return 3
end_process(run(work()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout) == (3, "a line without a flush\n")
