"""What is left of a Postgres that was killed, and what only looks like it."""

from pathlib import Path

import pytest

from dev.letta import pidfile, postmaster


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "postgres data"
    folder.mkdir()
    return folder


def write(data: Path, pid: int, started: float, *more: str) -> None:
    lines = [
        str(pid),
        str(data),
        str(int(started)),
        "5432",
        "/some/socket folder",
        "",
        "1 2",
        *more,
    ]
    (data / "postmaster.pid").write_text("\n".join(lines) + "\n")


def test_reads_what_postgres_writes(data: Path) -> None:
    write(data, 4711, 1_700_000_000, "starting")
    file = pidfile.read(data)
    assert file == pidfile.PidFile(4711, 1_700_000_000, Path("/some/socket folder"), ready=False)
    write(data, 4711, 1_700_000_000, "ready   ")
    file = pidfile.read(data)
    assert file is not None and file.ready


@pytest.mark.parametrize("text", ["", "4711\n", "4711\n/data\n", "what\n/data\nis this\n"])
def test_a_file_that_is_being_written_is_none_yet(data: Path, text: str) -> None:
    (data / "postmaster.pid").write_text(text)
    assert pidfile.read(data) is None


def test_no_file(data: Path) -> None:
    assert pidfile.read(data) is None
    postmaster.clear(data)
