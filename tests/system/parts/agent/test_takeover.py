"""What a retired worker tells of its calls, and the port that it shares for a moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from agent.worker.takeover import calls_of_retired
from tests.fast.agent.test_takeover import CALL, written_by


def test_calls_of_a_retired_worker_are_known_as_long_as_it_lives(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    path = written_by(tmp_path, other.pid, psutil.Process(other.pid).create_time())
    assert calls_of_retired(tmp_path) == [CALL]
    other.communicate(b"\n")
    assert calls_of_retired(tmp_path) == []
    assert not path.exists()
