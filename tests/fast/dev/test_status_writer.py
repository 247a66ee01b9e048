"""What a record says of a program: a crash stays in sight until all is well, secrets do not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import process_records
from common.process_records import FAILED, READY, RESTARTING, STARTING, ProcessRecord
from common.redaction import Redactor
from dev.supervisor.process_log import ProcessLog
from dev.supervisor.status_writer import Crash, StatusWriter, record_redactor

SECRET = "a-planted-secret-0123456789"


@pytest.fixture
def status(tmp_path: Path) -> Iterator[StatusWriter]:
    log = ProcessLog(tmp_path, "letta")
    yield StatusWriter(tmp_path, ProcessRecord("letta", STARTING), log, Redactor([SECRET]))
    log.close()


def record_of(status: StatusWriter) -> ProcessRecord:
    found = process_records.read(status.home, "letta")
    assert found is not None
    return found


def test_a_crash_stays_until_the_program_is_ready_again(status: StatusWriter) -> None:
    status.set(READY, "ready on port 1")
    status.crashed(Crash("killed", "letta was killed (signal 9, SIGKILL)", ("a last word",)))
    status.set(RESTARTING, "letta was killed (signal 9, SIGKILL); starts again in 0.5 s")
    killed = "letta was killed (signal 9, SIGKILL)"
    assert record_of(status).detail == f"{killed}; starts again in 0.5 s"
    status.set(STARTING, "importing")
    assert record_of(status).detail == (
        "importing (started again: letta was killed (signal 9, SIGKILL))"
    )
    assert (record_of(status).cause, record_of(status).log) == ("killed", ["a last word"])
    status.set(READY, "ready on port 1")
    assert (record_of(status).detail, record_of(status).cause, record_of(status).log) == (
        "ready on port 1",
        "",
        [],
    )
    status.set(STARTING, "importing")
    assert record_of(status).detail == "importing"


def test_a_cause_goes_with_what_caused_it(status: StatusWriter) -> None:
    status.set(FAILED, "port 1 is held by pid 2", cause="port-taken")
    assert record_of(status).cause == "port-taken"
    status.set(STARTING, "starting")
    assert record_of(status).cause == ""


def test_what_the_program_says_is_not_told_twice(status: StatusWriter) -> None:
    status.crashed(Crash("crashed", "letta ended with exit code 1"))
    status.log.program(b"importing")
    assert status.detail_from_output()
    before = record_of(status).updated
    assert status.detail_from_output()
    assert record_of(status).updated == before


def test_what_is_said_again_is_said_and_not_only_kept(
    status: StatusWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        status.set(STARTING, "waits for livekit (not started)", say=True)
    assert capsys.readouterr().out.count("waits for livekit") == 2


def test_no_secret_is_in_it(status: StatusWriter) -> None:
    status.crashed(Crash("crashed", f"letta ended: {SECRET}", (f"ValueError: {SECRET}",)))
    status.set(RESTARTING, f"rejected {SECRET}")
    assert SECRET not in process_records.path(status.home, "letta").read_text()
    assert record_of(status).log == ["ValueError: ***"]


def test_secrets_are_blotted_out_even_when_common_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = {"OPENAI_API_KEY": "planted-0123456789", "DB_PASS": "hunter22", "LOG_LEVEL": "INFO"}
    monkeypatch.setitem(sys.modules, "common", None)
    redactor, broken = record_redactor(environ, "/checkout")
    assert broken is not None and "common" in broken
    assert redactor.text("INFO: planted-0123456789, hunter22") == "INFO: ***, ***"
