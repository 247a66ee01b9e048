"""livekit-server: its configuration, where the binary is found, and the checked download."""

import stat
from pathlib import Path

import pytest

from dev.livekit import binary, release
from tests.fast.dev.test_livekit import SCRIPT


def _program(path: Path, version: str = binary.VERSION) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPT.format(version=version))
    path.chmod(0o755)
    return path


def test_the_order_of_places(tmp_path: Path) -> None:
    home = _program(tmp_path / "home" / "bin" / "livekit-server")
    on_path = _program(tmp_path / "path" / "livekit-server")
    named = _program(tmp_path / "named")
    environ = {"VOICE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    assert binary.find(environ) == (home, [])
    environ["PATH"] = f"{on_path.parent}:{environ['PATH']}"
    assert binary.find(environ) == (on_path, [])
    environ["LIVEKIT_SERVER_BIN"] = str(named)
    assert binary.find(environ) == (named, [])


def test_an_old_one_is_passed_over_and_told(tmp_path: Path) -> None:
    old = _program(tmp_path / "path" / "livekit-server", "1.4.2")
    environ = {"VOICE_HOME": str(tmp_path), "PATH": f"{old.parent}:/usr/bin:/bin"}
    found, refused = binary.find(environ)
    assert found is None
    assert refused == [f"{old} is version 1.4.2, older than 1.9"]


def test_a_named_one_that_does_not_run_is_refused(tmp_path: Path) -> None:
    environ = {"VOICE_HOME": str(tmp_path), "LIVEKIT_SERVER_BIN": "/no/such"}
    with pytest.raises(binary.NoBinary, match="LIVEKIT_SERVER_BIN has the value '/no/such'"):
        binary.find(environ)


def test_a_release_with_the_right_checksum_is_kept(page: tuple[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "livekit-server"
    release.from_release(target, binary.VERSION, page[0])
    assert target.stat().st_mode & stat.S_IXUSR
    assert binary.version(target) == binary.VERSION
