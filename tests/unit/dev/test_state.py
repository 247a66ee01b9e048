"""What a launcher says of its program: a crash stays in sight until all is well, secrets do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.redaction import Redactor
from dev import records
from dev.logs import Log
from dev.records import FAILED, READY, RESTARTING, STARTING, Record
from dev.state import Crash, State

SECRET = "a-planted-secret-0123456789"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    log = Log(tmp_path, "letta")
    yield State(tmp_path, Record("letta", STARTING), log, Redactor([SECRET]))
    log.close()


def told(state: State) -> Record:
    found = records.read(state.home, "letta")
    assert found is not None
    return found


def test_a_crash_stays_until_the_program_is_ready_again(state: State) -> None:
    state.set(READY, "ready on port 1")
    state.crashed(Crash("killed", "letta was killed (signal 9, SIGKILL)", ("a last word",)))
    state.set(RESTARTING, "letta was killed (signal 9, SIGKILL); starts again in 0.5 s")
    assert told(state).detail == "letta was killed (signal 9, SIGKILL); starts again in 0.5 s"
    state.set(STARTING, "importing")
    assert told(state).detail == ("importing (started again: letta was killed (signal 9, SIGKILL))")
    assert (told(state).cause, told(state).log) == ("killed", ["a last word"])
    state.set(READY, "ready on port 1")
    assert (told(state).detail, told(state).cause, told(state).log) == ("ready on port 1", "", [])
    state.set(STARTING, "importing")
    assert told(state).detail == "importing"


def test_a_cause_goes_with_what_caused_it(state: State) -> None:
    state.set(FAILED, "port 1 is held by pid 2", cause="port-taken")
    assert told(state).cause == "port-taken"
    state.set(STARTING, "starting")
    assert told(state).cause == ""


def test_what_the_program_says_is_not_told_twice(state: State) -> None:
    state.crashed(Crash("crashed", "letta ended with exit code 1"))
    state.log.program(b"importing")
    assert state.detail_from_output()
    before = told(state).updated
    assert state.detail_from_output()
    assert told(state).updated == before


def test_what_is_said_again_is_said_and_not_only_kept(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        state.set(STARTING, "waits for livekit (not started)", say=True)
    assert capsys.readouterr().out.count("waits for livekit") == 2


def test_no_secret_is_in_it(state: State) -> None:
    state.crashed(Crash("crashed", f"letta ended: {SECRET}", (f"ValueError: {SECRET}",)))
    state.set(RESTARTING, f"rejected {SECRET}")
    assert SECRET not in records.path(state.home, "letta").read_text()
    assert told(state).log == ["ValueError: ***"]
