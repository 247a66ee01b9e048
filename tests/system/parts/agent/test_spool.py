"""Events are in a file at once, whatever becomes of the process; a disk that refuses costs events,
not the call."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.timeline.spool import left_alone, spooled
from tests.fast.agent.test_spool import lines

pytestmark = pytest.mark.usefixtures("any_events")


KILLED = """
import os, signal, sys
from pathlib import Path
from agent.events import Events
from agent.timeline.spool import Spool
events = Events("r", "AJ_1")
events.sinks = [Spool(Path(sys.argv[1]), "r", "AJ_1")]
for n in range(1000):
    events.emit("think", "token", n=n)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_told_is_there(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert [one["data"]["n"] for one in lines(tmp_path)] == list(range(1000))
    assert len({one["key"] for one in lines(tmp_path)}) == 1000
    (path,) = spooled(tmp_path)
    with left_alone(path) as alone:
        assert alone
