"""An environment counts as complete only when nothing of it is missing or moved."""

import json
import shutil
from pathlib import Path

import pytest

from dev.bootstrap import venvs
from dev.bootstrap.long_steps import StepFailed
from dev.bootstrap.venvs import Venv, complete, ensure

VENV = Venv(".venv", "a test's packages", ("requirements.txt", "requirements-test.txt"))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an environment as it stands after an installation of the run set."""
    root = tmp_path / "checkout"
    packages = root / ".venv" / "lib" / "python3.11" / "site-packages"
    (packages / "one-1.dist-info").mkdir(parents=True)
    (packages / "two-2.dist-info").mkdir()
    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "python").touch()
    (root / ".venv" / "pyvenv.cfg").write_text("home = /x\nversion = 3.11.7\n")
    (root / "requirements.txt").write_text("one==1\n")
    (root / "requirements-test.txt").write_text("one==1\ntwo==2\n")
    monkeypatch.setattr(venvs, "CHECKOUT", root)
    monkeypatch.setattr("dev.bootstrap.long_steps.LOCKS", tmp_path / "locks")
    venvs._write_stamp(VENV, "requirements.txt")
    return root


def test_complete(checkout: Path) -> None:
    assert complete(VENV, "requirements.txt")
    assert not complete(VENV, "requirements-test.txt")


def test_the_test_set_serves_a_normal_start(checkout: Path) -> None:
    venvs._write_stamp(VENV, "requirements-test.txt")
    assert complete(VENV, "requirements.txt")


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / ".venv" / "complete.json").unlink(),
        lambda root: (root / ".venv" / "complete.json").write_text('{"set":'),
        lambda root: (root / ".venv" / "bin" / "python").unlink(),
        lambda root: shutil.rmtree(next((root / ".venv").rglob("one-1.dist-info"))),
        lambda root: (root / ".venv" / "pyvenv.cfg").write_text("version = 3.12.1\n"),
        lambda root: (root / "requirements.txt").write_text("one==2\n"),
    ],
    ids=["no stamp", "half a stamp", "no python", "lost package", "other python", "new pins"],
)
def test_damage_is_seen(checkout: Path, damage: object) -> None:
    assert callable(damage)
    damage(checkout)
    assert not complete(VENV, "requirements.txt")


def test_a_moved_checkout_is_seen(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = checkout.rename(checkout.with_name("moved"))
    monkeypatch.setattr(venvs, "CHECKOUT", moved)
    assert not complete(VENV, "requirements.txt")


def test_new_pins_are_installed_in_place_and_keep_the_test_set(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venvs._write_stamp(VENV, "requirements-test.txt")
    (checkout / "requirements-test.txt").write_text("one==2\ntwo==2\n")
    installed: list[str] = []

    def install(_: Venv, wanted: str) -> None:
        assert not (checkout / ".venv" / "complete.json").exists(), "killed now, it is incomplete"
        installed.append(wanted)

    monkeypatch.setattr(venvs, "_install", install)
    ensure(VENV, "requirements.txt")
    assert installed == ["requirements-test.txt"]
    assert json.loads((checkout / ".venv" / "complete.json").read_text())["set"] == installed[0]
    ensure(VENV, "requirements.txt")
    assert len(installed) == 1


def test_an_environment_behind_a_link_is_not_deleted(checkout: Path) -> None:
    real = (checkout / ".venv").rename(checkout / "real")
    (checkout / ".venv").symlink_to(real)
    with pytest.raises(StepFailed, match="is a link"):
        ensure(VENV, "requirements.txt")
    assert (real / "pyvenv.cfg").exists()
