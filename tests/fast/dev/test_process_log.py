"""The log of a process: bounded, not stopped by a terminal that goes away, text or JSON."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dev.restart import last_lines
from dev.supervisor import process_log as logs
from dev.supervisor.crash_excerpt import ProgramEnd
from dev.supervisor.process_log import BEGINS, OWN, ErrorCount, ProcessLog, as_json, as_text, fitted

OURS = json.dumps(
    {
        "time": "2026-11-21T18:00:00.123Z",
        "level": "ERROR",
        "process": "agent",
        "logger": "agent.job",
        "message": "the entrypoint failed",
        "room": "r",
        "error": "Traceback (most recent call last):\n"
        '  File "/checkout/agent/job.py", line 12, in begin\n'
        "ValueError: no such thing",
    }
)
LIVEKITS = json.dumps(
    {
        "level": "info",
        "ts": 1795284000.1234,
        "logger": "livekit.agents",
        "caller": "agentservice.go:1",
        "msg": "assigned job",
        "room": "r",
        "jobID": "AJ_1",
    }
)


Made = Callable[[Path], ProcessLog]


@pytest.fixture
def made() -> Iterator[Made]:
    """Makes logs, and closes them when the test ends."""
    opened: list[ProcessLog] = []

    def make(home: Path) -> ProcessLog:
        opened.append(ProcessLog(home, "agent"))
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


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


def added(errors: ErrorCount, clock: Clock, *lines: str, every_s: float) -> None:
    for line in lines:
        errors.add(line)
        clock.now += every_s


def refused(second: int) -> str:
    return f"12:00:{second:02d}.000 WARNING livekit.agents: no answer, retrying in {second} s"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(logs, "time", clock)
    return clock


def test_an_error_that_comes_again_and_again_is_counted_whatever_its_numbers(clock: Clock) -> None:
    errors = ErrorCount()
    added(errors, clock, refused(2), refused(4), refused(6), every_s=5)
    assert (errors.line, errors.times) == ("", 0)

    added(errors, clock, "12:00:20.000 INFO livekit.agents: well", refused(8), every_s=5)

    assert (errors.line, errors.times) == ("no answer, retrying in 8 s", 4)


def test_what_is_written_in_one_go_or_is_no_error_does_not_repeat(clock: Clock) -> None:
    errors = ErrorCount()
    added(errors, clock, *map(refused, range(20)), every_s=0.1)
    added(errors, clock, *["12:00:00.000 INFO agent: waits"] * 20, every_s=5)
    added(errors, clock, *["waits for the database: 5 s"] * 20, every_s=5)
    added(errors, clock, *[f"error: {letter * 3}" for letter in "abcdefgh"], every_s=5)
    assert errors.times == 0


@pytest.mark.parametrize("json", [False, True])
def test_errors_are_counted_as_long_as_somebody_wants_to_know(
    tmp_path: Path, clock: Clock, json: bool
) -> None:
    log = ProcessLog(tmp_path, "agent", json=json)
    for counts in (ErrorCount(), None):
        log.errors = counts
        for _ in range(6):
            log.program(b"error: the key is refused")
            clock.now += 3
        assert log.tail(1) == ["error: the key is refused"]
        if counts is not None:
            assert (counts.line, counts.times) == ("error: the key is refused", 6)
    log.close()


def test_lines_of_an_earlier_start_are_told_apart() -> None:
    lines = ["old", "12:00:00.000 INFO launcher: begins", "new"]
    assert ProcessLog.since_start(lines) == ["new"]
    assert ProcessLog.since_start(["all", "of it"]) == ["all", "of it"]


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


def test_what_has_all_is_left_as_it_is() -> None:
    assert as_json(OURS, "agent") == OURS


def test_the_line_of_another_program_gets_our_names() -> None:
    line = json.loads(as_json(LIVEKITS, "livekit"))
    told = [line[name] for name in OWN]
    assert told == ["2026-11-21T18:00:00.123Z", "INFO", "livekit", "livekit.agents", "assigned job"]
    assert (line["room"], line["job"], line["caller"]) == ("r", "AJ_1", "agentservice.go:1")


@pytest.mark.parametrize(
    ("line", "level", "logger", "message"),
    [
        ("18:00:00.123 WARNING preparing: slow: 3 s", "WARNING", "preparing", "slow: 3 s"),
        ("Traceback (most recent call last):", "INFO", "models", None),
        ('{"cut off": ', "INFO", "models", None),
        ("{}", "INFO", "models", ""),
        ("[1, 2]", "INFO", "models", None),
    ],
)
def test_any_line_becomes_json(line: str, level: str, logger: str, message: str | None) -> None:
    fields = json.loads(as_json(line, "models"))
    assert datetime.fromisoformat(fields["time"]).tzinfo is not None
    assert (fields["level"], fields["logger"], fields["process"]) == (level, logger, "models")
    assert fields["message"] == (line if message is None else message)


def test_what_is_long_in_a_line_is_cut_and_says_so() -> None:
    offer = {"sdp": "x" * 20_000}
    line = json.dumps({**json.loads(LIVEKITS), "offer": offer, "stats": "y" * 20_000})
    fields = json.loads(fitted(as_json(line, "livekit"), 16_000))
    assert (fields["message"], fields["room"], fields["job"]) == ("assigned job", "r", "AJ_1")
    assert fields["offer"].endswith("characters cut]") and fields["stats"].startswith("yyy")
    assert len(json.dumps(fields)) < 16_000


def test_json_is_read_as_text_with_its_traceback() -> None:
    first, *rest = as_text(OURS)
    assert first.endswith(" ERROR agent.job: the entrypoint failed")
    assert rest[-1] == "ValueError: no such thing"
    assert list(as_text("just words")) == ["just words"]


def test_a_log_in_json_is_json_and_still_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = ProcessLog(tmp_path, "agent", json=True)
    log.say(BEGINS)
    log.program(b"")
    log.program(b"18:00:00.123 INFO agent: begins")
    log.program(OURS.encode())
    log.program(b"Traceback (most recent call last):")
    log.program(b"x" * 20_000)
    log.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["logger"] for line in lines] == ["launcher", "agent", "agent.job", *["agent"] * 2]
    assert log.path.read_text().splitlines() == [*map(_dumped, lines)]
    end = ProgramEnd.of(1, log.tail(50)[:-2])
    assert log.tail(2)[0] == "Traceback (most recent call last):", "as it was said"
    assert end.text("/checkout") == "ended with exit code 1: ValueError: no such thing"
    assert 'File "/checkout/agent/job.py", line 12, in begin' in end.log
    told = ProcessLog.since_start(last_lines(log.path, 10))
    assert told[0].endswith(" INFO agent: begins"), told


def _dumped(line: dict[str, str]) -> str:
    return json.dumps(line, ensure_ascii=False) if line["logger"] != "agent.job" else OURS
