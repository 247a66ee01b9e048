"""A record is whole or absent, and a pid counts only with its start time."""

import os
from pathlib import Path

from dev import records
from dev.records import Identity, Record


def test_what_is_written_is_read(tmp_path: Path) -> None:
    me = Identity.of(os.getpid())
    record = Record("agent", records.READY, "a sentence", launcher=me, port=8081)
    records.write(tmp_path, record)
    found = records.read(tmp_path, "agent")
    assert found == record
    assert found is not None and found.launcher_alive


def test_another_process_with_the_same_pid_is_not_it() -> None:
    me = Identity.of(os.getpid())
    assert me is not None and me.alive
    assert not Identity(me.pid, me.start_time - 10).alive


def test_no_record_and_a_broken_one(tmp_path: Path) -> None:
    assert records.read(tmp_path, "agent") is None
    records.path(tmp_path, "agent").parent.mkdir()
    for text in ("", "[]", '{"name": 1}', '{"nonsense": 1}'):
        records.path(tmp_path, "agent").write_text(text)
        assert records.read(tmp_path, "agent") is None
