"""Events are in a file at once, whatever becomes of the process; a disk that refuses costs events,
not the call."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.events import Events
from agent.timeline import spool
from agent.timeline.spool import Spool, left_alone, spooled

pytestmark = pytest.mark.usefixtures("any_events")


def written(folder: Path, room: str = "r", writer: str = "AJ_1") -> tuple[Events, Spool]:
    events = Events(room, writer)
    kept = Spool(folder, room, writer)
    events.sinks = [kept]
    return events, kept


def lines(folder: Path) -> list[dict[str, Any]]:
    found = sorted(spooled(folder))
    return [json.loads(line) for path in found for line in path.read_bytes().splitlines()]


def test_a_writer_that_lives_is_seen(tmp_path: Path) -> None:
    events, kept = written(tmp_path)
    events.emit("job", "handshake_start")
    (path,) = spooled(tmp_path)
    with left_alone(path) as alone:
        assert not alone
    kept.close()
    with left_alone(path) as alone:
        assert alone


@pytest.mark.parametrize("room", ["../../etc/passwd", "a/b", "ü" * 300, ".", "a.b--c"])
def test_any_name_of_a_room_is_a_file_in_the_folder(tmp_path: Path, room: str) -> None:
    events, kept = written(tmp_path / "spool", room)
    events.emit("job", "handshake_start")
    (path,) = (tmp_path / "spool").iterdir()
    assert path.name.endswith("--AJ_1.jsonl") and path.name.count(".") == 1
    assert path.stat().st_mode & 0o077 == 0, "what callers say is nobody else's"
    assert lines(path.parent)[0]["room"] == room
    kept.close()


def test_a_call_costs_microseconds_an_event(tmp_path: Path) -> None:
    events, kept = written(tmp_path)
    took = []
    for n in range(2000):
        began = time.perf_counter()
        events.emit("transcribe", "transcript", text="my favorite color is green", final=False, n=n)
        took.append(time.perf_counter() - began)
    kept.close()
    assert sorted(took)[1000] < 50e-6


def test_a_long_call_goes_on_in_another_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_PART", 2_000)
    events, kept = written(tmp_path)
    for n in range(100):
        events.emit("think", "token", n=n)
    kept.close()
    assert len(list(spooled(tmp_path))) > 3
    assert [one["data"]["n"] for one in lines(tmp_path)] == list(range(100))


def test_a_spool_that_is_full_says_so_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool, "MOST_PART", 2_000)
    monkeypatch.setattr(spool, "MOST_CALL", 10_000)
    monkeypatch.setattr(spool, "TRY_AGAIN_AFTER", 0.0)
    events, kept = written(tmp_path)
    with caplog.at_level(logging.WARNING):
        for n in range(1000):
            events.emit("think", "token", n=n)
    waiting = sum(path.stat().st_size for path in spooled(tmp_path))
    assert 10_000 < waiting < 15_000
    assert caplog.text.count("the call goes on without") == 1
    before = {one["data"]["n"] for one in lines(tmp_path)}
    for path in list(spooled(tmp_path)):
        path.unlink()  # delivered
    events.emit("think", "token", n=1000)
    told, last = lines(tmp_path)
    assert told["name"] == "degraded" and told["data"]["what"] == "timeline"
    assert (
        told["data"]["consequence"] == f"{1000 - len(before)} events of the call are missing here"
    )
    assert last["data"]["n"] == 1000
    kept.close()


def test_a_folder_that_cannot_be_made_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    events, kept = written(tmp_path / "file" / "spool")
    with caplog.at_level(logging.WARNING):
        for n in range(10):
            events.emit("think", "token", n=n)
    assert caplog.text.count("Free space in AGENT_SPOOL_DIR") == 1
    kept.close()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow over 1000 bytes, which a write meets as it meets a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_a_line_that_a_full_disk_cut_spoils_no_other(
    tmp_path: Path, small_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "TRY_AGAIN_AFTER", 0.0)
    events, kept = written(tmp_path)
    for n in range(20):
        events.emit("think", "token", n=n)
    (path,) = spooled(tmp_path)
    assert path.stat().st_size == 1000
    os.truncate(path, 900)  # some room again
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    )
    events.emit("think", "token", n=20)
    kept.close()
    whole = [parsed for line in path.read_bytes().splitlines() if (parsed := spool.parsed(line))]
    numbers = [one["data"].get("n") for one in whole]
    assert numbers[-1] == 20 and numbers[:5] == [0, 1, 2, 3, 4]
    assert whole[-2]["data"]["what"] == "timeline"
