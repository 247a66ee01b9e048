"""The socket's folder: beside the data when its path is short, else short, private and ours."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.letta import sockets
from dev.letta.console import Problem

US = {os.geteuid()}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder of the user, and no other short folder."""
    # The folders that pytest makes may be too deep themselves.
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


def deep(tmp_path: Path) -> Path:
    folder = tmp_path.joinpath(*["a deep folder"] * 10)
    folder.mkdir(parents=True)
    return folder


def test_beside_the_data(tmp_path: Path) -> None:
    folder, temporary = sockets.socket_folder(tmp_path, US)
    assert folder == tmp_path / "socket"
    assert not temporary
    assert folder.stat().st_mode & 0o777 == 0o700


def test_limit_counts_bytes_and_the_closing_zero() -> None:
    room = sockets.SOCKET_BYTES - len("/.s.PGSQL.5432") - 1
    assert sockets.fits(Path("/" + "x" * room))
    assert not sockets.fits(Path("/" + "x" * (room + 1)))
    assert not sockets.fits(Path("/" + "ü" * (room // 2 + 1)))


def test_a_deep_path_gets_a_short_private_folder_always_the_same(
    tmp_path: Path, short: Path
) -> None:
    home = deep(tmp_path)
    folder, temporary = sockets.socket_folder(home, US)
    assert temporary
    assert folder.parent == short
    assert sockets.fits(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sockets.socket_folder(home, US)[0] == folder
    assert sockets.socket_folder(deep(tmp_path / "b"), US)[0] != folder


def test_a_folder_that_somebody_else_made_first_is_not_used(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = deep(tmp_path)
    mine, _ = sockets.socket_folder(home, US)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / ("x" * 200)))
    monkeypatch.setattr(sockets, "LAST_RESORT", str(tmp_path / ("x" * 200)))
    with pytest.raises(Problem, match=r"belongs to somebody else.*set VOICE_HOME"):
        sockets.socket_folder(home, {os.geteuid() + 1})
    mine.rmdir()
    mine.symlink_to(tmp_path)
    with pytest.raises(Problem):
        sockets.socket_folder(home, US)
