"""The end of the forkserver is noticed: with it, job processes cannot be told from dead ones."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: a forkserver belongs to the process that started it.
PROGRAM = """
import asyncio
import psutil
from agent import forkserver

forkserver.LOOKS_EVERY = 0.05
forkserver.start()
(server,) = [one for one in psutil.Process().children() if "forkserver" in " ".join(one.cmdline())]

async def watched():
    watching = asyncio.create_task(forkserver.watch())
    await asyncio.sleep(0.3)
    assert not watching.done(), "it lives"
    server.kill()
    try:
        async with asyncio.timeout(5):
            await watching
    except forkserver.Gone as error:
        assert str(server.pid) in str(error), error
        print("noticed")

asyncio.run(watched())
"""


def test_its_end_is_noticed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "noticed\n", done.stdout + done.stderr
