"""Stand-ins for modules: nothing is imported before it is needed, and then it is the real thing."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dev.letta.server import lazy

HEAVY = """
class Reader:
    kinds = ("pdf",)
    def __init__(self, name, size=1):
        self.name, self.size = name, size
def work(number):
    return number + 1
"""
USER = """
from lazy_package.heavy import Reader, work
made_early = Reader("early", size=2)
def accepts(thing: Reader | None) -> bool:
    return isinstance(thing, Reader)
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that was imported while lazy_package.heavy was standing in."""
    package = tmp_path / "lazy_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "heavy.py").write_text(HEAVY)
    (package / "user.py").write_text(USER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(lazy, "MODULES", {"lazy_package.heavy"})
    with lazy.standing_in():
        module = importlib.import_module("lazy_package.user")
    assert "lazy_package.heavy" not in sys.modules
    yield module
    for name in [name for name in sys.modules if name.startswith("lazy_package")]:
        del sys.modules[name]


def test_calling_makes_it_real(user: ModuleType) -> None:
    assert user.work(1) == 2
    reader = user.Reader("a", size=3)
    assert (type(reader).__name__, reader.name, reader.size) == ("Reader", "a", 3)
    assert "lazy_package.heavy" in sys.modules


def test_reading_from_a_class_makes_it_real(user: ModuleType) -> None:
    assert user.Reader.kinds == ("pdf",)


def test_an_object_made_while_standing_in_becomes_real_when_used(user: ModuleType) -> None:
    assert "lazy_package.heavy" not in sys.modules
    assert (user.made_early.name, user.made_early.size) == ("early", 2)


def test_instances_are_known(user: ModuleType) -> None:
    real = importlib.import_module("lazy_package.heavy")
    assert user.accepts(real.Reader("b"))
    assert user.accepts(user.Reader("c"))
    assert not user.accepts("d")


def test_afterwards_an_import_gives_the_real_module(user: ModuleType) -> None:
    from_package = importlib.import_module("lazy_package")
    real = importlib.import_module("lazy_package.heavy")
    assert from_package.heavy is real
    assert real.Reader("e").name == "e"
