"""What the person exported, through honcho and through a restart."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_what_a_launcher_carries_belongs_to_that_process_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carried = handover.carry({"A": "1"}, None, "/file")
    for name, value in carried.items():
        monkeypatch.setenv(name, value)
    parents = Parents()
    parents.honcho = Seen(2**22 + 1, 1, "", ("honcho",))
    environ, warning = handover.exported(parents)
    assert warning is None and environ["A"] == "1"
    assert not set(handover.OWN) & set(environ)
    monkeypatch.setenv(handover.CARRIED, "1")
    assert handover.exported(parents)[1] is not None


def test_a_hand_over_counts_while_its_restart_lives(tmp_path: Path) -> None:
    with handover.handing_over(tmp_path, {"A": "1"}, {"agent": {"home": "h"}}) as file:
        assert file.stat().st_mode & 0o777 == 0o600
        assert handover.handed_environ(tmp_path) == {"A": "1"}
        assert handover.handed_settings(str(file), "agent", {"A": "1"}) == {"home": "h"}
        assert handover.handed_settings(str(file), "agent", {"A": "2"}) is None
        text = file.read_text()
    assert handover.handed_environ(tmp_path) is None
    # The file of a restart that was killed.
    file.write_text(text.replace(str(os.getpid()), "1"))
    assert handover.handed_environ(tmp_path) is None
    assert handover.handed_settings(str(file), "agent", {"A": "1"}) is None
    assert handover.handed_settings("", "agent", {"A": "1"}) is None
