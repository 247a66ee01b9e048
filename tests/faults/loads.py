"""Real load on the machine, for a few seconds: all its cores busy, its memory taken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BUSY_FOR_S = 20
# Ended by the alarm whatever becomes of the test.
BUSY = f"import signal; signal.alarm({BUSY_FOR_S})\nwhile True: pass"
TAKES = """
import signal, sys
signal.alarm(60)
open("/proc/self/oom_score_adj", "w").write("1000")  # the first to go if it is too much
taken = bytearray(int(sys.argv[1]))
for place in range(0, len(taken), 4096):
    taken[place] = 1  # memory is given when it is touched
print("taken", flush=True)
sys.stdin.read()
"""


@contextmanager
def busy_cores() -> Iterator[None]:
    """Three processes a core that do nothing but calculate."""
    with ExitStack() as ends:
        for _ in range(3 * (os.cpu_count() or 1)):
            process = subprocess.Popen([sys.executable, "-c", BUSY])
            ends.callback(process.wait)
            ends.callback(process.kill)
        yield


@contextmanager
def taken_memory(count: int) -> Iterator[None]:
    """A process that holds so many bytes and uses them."""
    with subprocess.Popen(
        [sys.executable, "-c", TAKES, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "taken\n"
            yield
        finally:
            process.kill()
