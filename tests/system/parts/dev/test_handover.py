"""What the person exported, through honcho and through a restart."""

import os
import subprocess
import sys

import pytest

from dev.supervisor import handover
from dev.supervisor.parents import Parents, Seen


def test_under_honcho_its_own_first_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); input()"],
        env={"FROM_SHELL": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert manager.stdout is not None
    manager.stdout.readline()
    parents = Parents()
    parents.honcho = Seen(manager.pid, 1, "", ("honcho",))
    monkeypatch.setenv("PORT", "5000")
    environ, warning = handover.exported(parents)
    manager.communicate(b"\n")
    assert warning is None
    assert environ["FROM_SHELL"] == "1" and "PORT" not in environ


def test_a_honcho_that_cannot_be_asked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    parents = Parents()
    parents.honcho = Seen(ended.pid, 1, "", ("honcho",))
    environ, warning = handover.exported(parents)
    assert warning is not None and ".env beats the shell" in warning
    assert environ["PATH"] == os.environ["PATH"]
