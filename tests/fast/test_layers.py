"""Arrows between the rooms point down only: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("agent", "common", "dev", "proxy", "tests", "tools")
MAY_IMPORT = {
    "common": ("common",),
    "agent": ("agent", "common"),
    "proxy": ("proxy", "common"),
    "proxy/verdicts": ("proxy.verdicts", "common"),
    "dev/supervisor": (
        "dev.supervisor",
        "dev.services",
        "common.process_records",
        "common.known_secrets",
    ),
    "dev/bootstrap": (
        "dev.bootstrap",
        "dev.supervisor.parents",
        "dev.supervisor.private_files",
    ),
}
"""For each room, the modules of ours that it may import. `verdicts` is a leaf: the doctor uses it
without the proxy. A launcher (`dev/supervisor`) runs whatever is broken in the rooms it starts."""


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports, at its head or within a function."""
    package = path.relative_to(ROOT).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, modules: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"{room} has no files"
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in sorted(imports(path))
        if within(name, ROOMS) and not within(name, MAY_IMPORT[room])
    ]
    assert wrong == []


def test_imports_of_every_form_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "proxy" / "verdicts" / "judge.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import dev.doctor\n"
        "from proxy import app\n"
        "from . import rules\n"
        "from ..timeline.call import Call\n"
        "def later():\n    from agent.worker import main\n"
    )
    assert imports(path) == {
        "dev.doctor",
        "proxy.app",
        "proxy.verdicts.rules",
        "proxy.timeline.call.Call",
        "agent.worker.main",
    }
    assert not within("proxy.verdicts_old", ("proxy.verdicts",))
