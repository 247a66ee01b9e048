"""A record is whole or absent, and a pid counts only with its start time."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from common import process_records
from common.process_records import Beside, Identity, ProcessRecord, RecordError


def myself() -> Identity:
    identity = Identity.of(os.getpid())
    assert identity is not None
    return identity


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record = ProcessRecord(
        "agent",
        process_records.READY,
        "a sentence",
        launcher=myself(),
        port=8091,
        beside=[Beside(myself(), "tag")],
    )
    process_records.write(tmp_path, record)
    read = process_records.read(tmp_path, "agent")
    assert read == record
    assert read is not None and read.launcher_alive


def test_another_process_with_the_same_pid_is_not_it() -> None:
    me = myself()
    assert me.alive and not me.stopped
    other = Identity(me.pid, me.start_time - 10)
    assert not other.alive and not other.stopped


def test_what_a_later_version_adds_is_passed_over(tmp_path: Path) -> None:
    record = ProcessRecord("agent", process_records.READY)
    file = tmp_path / "agent.json"
    file.write_text(json.dumps({**asdict(record), "mood": "good"}))
    assert process_records.load(file) == record


WHOLE: dict[str, Any] = {"name": "agent", "state": "ready"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[1]",
        '{"name": 1}',
        '{"nonsense": 1}',
        json.dumps({**WHOLE, "state": "happy"}),
        json.dumps({**WHOLE, "since": "yesterday"}),
        json.dumps({**WHOLE, "launcher": {"pid": "1", "start_time": 1.0}}),
        json.dumps({**WHOLE, "launcher": 7}),
        json.dumps({**WHOLE, "beside": [{"program": {"pid": 1}}]}),
    ],
)
def test_a_file_that_is_no_record_is_none_for_launchers_and_an_error_for_who_asks(
    tmp_path: Path, text: str
) -> None:
    file = process_records.path(tmp_path, "agent")
    assert process_records.read(tmp_path, "agent") is None
    assert process_records.load(file) is None
    file.parent.mkdir()
    file.write_text(text)

    assert process_records.read(tmp_path, "agent") is None
    with pytest.raises(RecordError, match=r"agent\.json"):
        process_records.load(file)
