"""What a person is told when Postgres cannot have its data as it wants it."""

import errno
from collections import namedtuple
from pathlib import Path

import pytest

from dev.letta import cluster
from dev.letta.console import Problem

Usage = namedtuple("Usage", "total used free")


def test_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("16\n")
    with pytest.raises(Problem, match=r"by Postgres 16, and this is Postgres 18.*move .* away"):
        cluster.check_version(tmp_path)


def test_the_same_version_and_no_data_are_fine(tmp_path: Path) -> None:
    cluster.check_version(tmp_path)
    (tmp_path / "PG_VERSION").write_text(f"{cluster.MAJOR}\n")
    cluster.check_version(tmp_path)


def test_too_little_room_is_told_with_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10, 5, 5_000_000))
    with pytest.raises(Problem, match=r"has 5 MB left and the memory needs 150 MB.*VOICE_HOME"):
        cluster.check_space(tmp_path, cluster.NEW_BYTES)
    cluster.check_space(tmp_path, 5_000_000)


def test_the_line_that_says_what_is_wrong() -> None:
    output = "creating files ...\ninitdb: error: could not write: No space left\nremoving files\n"
    assert cluster.last_line(output) == "initdb: error: could not write: No space left"
    assert cluster.last_line("something else\n\n") == "something else"
    assert cluster.last_line("") == "it says nothing"


def test_a_full_disk_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "file"))
    assert "is full: make room" in str(cluster.explain(full, tmp_path))
    denied = PermissionError(errno.EACCES, "Permission denied", "/some/file")
    told = str(cluster.explain(denied, tmp_path))
    assert "/some/file (Permission denied)" in told
    assert "VOICE_HOME" in told


def test_postgres_is_reached_by_its_socket_alone(tmp_path: Path) -> None:
    one = cluster.Cluster(tmp_path, tmp_path / "data", tmp_path / "so", False, "same")
    settings = dict(one.settings())
    assert settings["listen_addresses"] == ""
    assert settings["unix_socket_directories"] == str(tmp_path / "so")
    assert one.uri.endswith(f"?host={tmp_path / 'so'}&ssl=disable")
    # What Letta was told is stored survives a kill, and a power cut.
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & settings.keys()
