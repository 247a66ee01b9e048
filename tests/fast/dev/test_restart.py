"""The wait of a start: it ends as soon as waiting on brings nothing, and says what is not ready."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from common import process_records
from common.process_records import (
    FAILED,
    MONITORING,
    READY,
    STARTING,
    Identity,
    ProcessRecord,
    ProcessState,
)
from dev import restart
from dev.restart import StartWait, has_failed


def written(home: Path, name: str, state: ProcessState, detail: str, **more: Any) -> ProcessRecord:
    (home / "run").mkdir(exist_ok=True)
    (home / "logs").mkdir(exist_ok=True)
    me = Identity.of(os.getpid())
    record = ProcessRecord(name, state, detail, launcher=me, launched=time.time(), port=1, **more)
    process_records.write(home, record)
    return record


def waited(home: Path, *names: str, kept: tuple[str, ...] = ()) -> bool:
    restarted = [name for name in names if name not in kept]
    return StartWait(home, list(names), restarted, time.time() - 1.0).until_ready(lambda: True)


def test_all_that_is_ready_ends_the_wait_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "proxy", READY, "ready on port 1")
    written(tmp_path, "letta", MONITORING, "it answers", answers=True)

    assert waited(tmp_path, "proxy", "letta")

    output = capsys.readouterr().out
    assert "proxy    ready after" in output
    assert "letta    not started here: it answers" in output


def test_an_error_that_repeats_ends_the_wait_with_what_is_not_ready_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart, "FAILED_WAIT_S", 0.0)
    written(tmp_path, "agent", STARTING, "not registered: it rejects the key", repeats=4)
    written(tmp_path, "proxy", STARTING, "127.0.0.1:1 refuses the connection")
    (tmp_path / "logs" / "agent.log").write_text("failed to connect to livekit\n")

    assert not waited(tmp_path, "agent", "proxy")

    output = capsys.readouterr().out
    assert "agent is not ready: not registered: it rejects the key" in output
    assert "    failed to connect to livekit" in output
    assert "it goes on trying; ./restart_voice_system.sh agent" in output
    assert "proxy is not ready yet: starting: 127.0.0.1:1 refuses the connection" in output


def test_a_cause_that_several_have_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("livekit", "agent", "proxy"):
        why = "it ended with exit code 3" if name == "agent" else "setting X is too short"
        written(tmp_path, name, FAILED, why)

    assert not waited(tmp_path, "livekit", "agent", "proxy")

    output = capsys.readouterr().out
    assert output.count("setting X is too short") == 1
    assert "livekit is not ready: setting X is too short" in output
    assert "For the same reason not ready: proxy.\n" in output
    assert "When that is mended: ./restart_voice_system.sh livekit proxy\n" in output
    assert "agent is not ready: it ended with exit code 3" in output


def test_a_program_that_says_nothing_for_long_is_waited_for_no_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart, "SILENT_S", 0.0)
    written(tmp_path, "letta", STARTING, "127.0.0.1:1 refuses the connection")

    assert not waited(tmp_path, "letta")

    assert "nothing has changed for 0 minutes" in capsys.readouterr().out


def test_one_that_starts_or_has_crashed_once_is_waited_for(tmp_path: Path) -> None:
    assert not has_failed(written(tmp_path, "letta", STARTING, "loads", restarts=1))
    assert has_failed(written(tmp_path, "letta", STARTING, "loads", restarts=restart.CRASHES))
