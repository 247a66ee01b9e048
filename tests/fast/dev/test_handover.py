"""What the person exported, through honcho and through a restart."""

import os
from pathlib import Path

import pytest

from dev.supervisor import handover
from dev.supervisor.parents import Parents, Seen


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
