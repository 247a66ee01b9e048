"""Lanes of tests share the machine; one that wants it alone gets it, and is not passed by."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.machine import LANES, shared_with_others

SOON_S, MOMENT_S = 5.0, 0.1


class Lane(threading.Thread):
    """Uses the machine until it is told to leave."""

    def __init__(self, alone: bool) -> None:
        super().__init__(daemon=True)
        self._alone = alone
        self.inside, self._leave = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with shared_with_others(self._alone):
            self.inside.set()
            self._leave.wait(SOON_S)

    def leaves(self) -> None:
        self._leave.set()
        self.join(SOON_S)
        assert not self.is_alive()


@pytest.fixture(autouse=True)
def lanes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LANES, str(tmp_path))


def test_two_share_it() -> None:
    first, second = Lane(alone=False), Lane(alone=False)
    assert first.inside.wait(SOON_S) and second.inside.wait(SOON_S)
    first.leaves()
    second.leaves()


def test_one_that_wants_it_alone_waits_and_is_then_alone() -> None:
    first = Lane(alone=False)
    assert first.inside.wait(SOON_S)
    alone = Lane(alone=True)
    assert not alone.inside.wait(MOMENT_S)
    first.leaves()
    assert alone.inside.wait(SOON_S)
    late = Lane(alone=False)
    assert not late.inside.wait(MOMENT_S)
    alone.leaves()
    assert late.inside.wait(SOON_S)
    late.leaves()
