"""The log of a process: bounded, and not stopped by a terminal that goes away."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev import logs
from dev.logs import Log

Made = Callable[[Path], Log]


@pytest.fixture
def made() -> Iterator[Made]:
    """Makes logs, and closes them when the test ends."""
    opened: list[Log] = []

    def make(home: Path) -> Log:
        opened.append(Log(home, "agent"))
        return opened[-1]

    yield make
    for log in opened:
        log.close()


def test_lines_go_to_both_and_the_last_are_kept(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = made(tmp_path)
    log.program(b"one\r\n")
    log.program("zwei ü".encode() + b"\xff")
    log.say("three")
    text = (tmp_path / "logs" / "agent.log").read_text()
    assert text == capsys.readouterr().out
    assert text.splitlines()[:2] == ["one", "zwei ü�"]
    assert text.endswith("INFO launcher: three\n")
    assert log.tail() == ["one", "zwei ü�"]


def test_lines_of_an_earlier_start_are_told_apart() -> None:
    lines = ["old", "12:00:00.000 INFO launcher: begins", "new"]
    assert Log.since_start(lines) == ["new"]
    assert Log.since_start(["all", "of it"]) == ["all", "of it"]


def test_a_long_line_is_cut_and_says_so(made: Made, tmp_path: Path) -> None:
    log = made(tmp_path)
    log.program(b"x" * (logs.LINE_BYTES + 7))
    assert (tmp_path / "logs" / "agent.log").read_text().endswith("x … [7 bytes cut]\n")


def test_the_files_are_bounded(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    log = made(tmp_path)
    for number in range(1000):
        log.program(b"line %d" % number)
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 1 + logs.OLD_FILES
    assert all(file.stat().st_size <= 1000 for file in files)
    assert (tmp_path / "logs" / "agent.log").read_text().endswith("line 999\n")


def test_a_closed_stdout_does_not_stop_the_file(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    broken = os.fdopen(writing, "w", buffering=1)
    monkeypatch.setattr(sys, "stdout", broken)
    log = made(tmp_path)
    log.program(b"one")
    log.program(b"two")
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        broken.close()
    text = (tmp_path / "logs" / "agent.log").read_text()
    assert "one\n" in text and text.endswith("two\n")
