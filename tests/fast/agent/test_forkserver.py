"""The end of the forkserver is noticed: with it, job processes cannot be told from dead ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: a forkserver belongs to the process that started it. The second child
# names multiprocessing.forkserver in its command line, too.
ITS_END = """
import asyncio, subprocess, sys
import psutil
from agent.worker import forkserver

OTHER = [sys.executable, "-c", "# multiprocessing.forkserver\\ninput()"]

async def its_end():
    other = subprocess.Popen(OTHER, stdin=subprocess.PIPE)
    forkserver.LOOKS_EVERY = 0.01
    looks = asyncio.Event()
    forkserver.start()
    server = psutil.Process(forkserver.server_pid())
    is_running = psutil.Process.is_running
    def look(process):
        looks.set()
        return is_running(process)
    psutil.Process.is_running = look
    watching = asyncio.create_task(forkserver.watch())
    for _ in range(3):
        looks.clear()
        await looks.wait()
    assert not watching.done(), "it lives"
    server.kill()
    try:
        async with asyncio.timeout(5):
            await watching
    except forkserver.Gone as error:
        assert f"(pid {server.pid})" in str(error), error
        print("noticed")
    other.communicate()

asyncio.run(its_end())
"""

NONE_STARTED = """
import asyncio
from agent.worker import forkserver

async def none_started():
    try:
        async with asyncio.timeout(5):
            await forkserver.watch()
    except forkserver.Gone as error:
        assert "never started" in str(error), error
        print("noticed")

asyncio.run(none_started())
"""


@pytest.mark.parametrize("program", [ITS_END, NONE_STARTED], ids=["its end", "none started"])
def test_it_is_noticed_that_there_is_none(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "noticed\n", done.stdout + done.stderr
