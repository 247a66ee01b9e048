"""What holds secrets is its owner's alone, whatever the umask is and whoever made the folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.supervisor import private_files


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folders_of_a_home_are_made_private(tmp_path: Path) -> None:
    home = tmp_path / "home"

    private_files.state_folders(home)

    assert [mode(path) for path in (home, home / "run", home / "logs")] == [0o700] * 3


def test_folders_of_an_earlier_version_are_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    for folder in (home, home / "run"):
        folder.chmod(0o755)

    private_files.state_folders(home)

    assert [mode(path) for path in (home, home / "run", home / "logs")] == [0o700] * 3


@pytest.mark.parametrize("place", ["shared", "checkout", "person"])
def test_a_place_that_is_not_ours_alone_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    tmp_path.chmod(0o1777 if place == "shared" else 0o755)
    before = mode(tmp_path)
    if place == "checkout":
        monkeypatch.setattr(private_files, "CHECKOUT", tmp_path)
    if place == "person":
        monkeypatch.setenv("HOME", str(tmp_path))

    private_files.folder(tmp_path)

    assert mode(tmp_path) == before


def test_a_file_with_secrets_is_private(tmp_path: Path) -> None:
    private_files.write(tmp_path / "made" / "secret", "text")

    assert mode(tmp_path / "made" / "secret") == 0o600


@pytest.mark.parametrize(
    ("permissions", "text", "warned"),
    [
        (0o644, "OPENAI_API_KEY=made-up\n", True),
        (0o600, "OPENAI_API_KEY=made-up\n", False),
        (0o644, "SPEECH=offline\n", False),
        (None, "", False),
    ],
)
def test_secrets_that_others_may_read_are_warned_of_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    permissions: int | None,
    text: str,
    warned: bool,
) -> None:
    monkeypatch.setattr(private_files, "CHECKOUT", tmp_path)
    dotenv = tmp_path / ".env"
    if permissions is not None:
        dotenv.write_text(text)
        dotenv.chmod(permissions)

    warning = private_files.exposed_dotenv()

    assert warning == (
        ".env holds OPENAI_API_KEY, and other users of this machine may read it (mode 0644): "
        f"chmod 600 {dotenv}"
        if warned
        else None
    )
