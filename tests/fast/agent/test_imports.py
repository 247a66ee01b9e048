"""The worker's modules import each other in one direction, and a call with Letta has no LiveKit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path for room in ("agent", "common") for path in (ROOT / room).rglob("*.py")
}


def statements(node: ast.AST, at_import: bool) -> Iterator[ast.AST]:
    """What is inside a node; with `at_import` only what runs when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if at_import:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
        yield child
        yield from statements(child, at_import)


def imports(module: str, at_import: bool = False) -> set[str]:
    """The modules that a module of ours imports: ours by their whole names, others by theirs."""
    names: set[str] = set()
    for node in statements(ast.parse(MODULES[module].read_text()), at_import):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} has a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in MODULES else node.module)
    return names


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports for types count as well: who needs each other's types is one thing in two files."""
    graph = {name: imports(name) & MODULES.keys() for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle: {' <- '.join(error.args[1])}")


def test_a_call_with_letta_has_no_livekit_in_it() -> None:
    reached = {"agent.letta.call"}
    waiting = ["agent.letta.call"]
    while waiting:
        module = waiting.pop()
        for name in imports(module, at_import=True):
            assert name.partition(".")[0] != "livekit", f"{module} imports {name}"
            if name in MODULES and name not in reached:
                reached.add(name)
                waiting.append(name)
    assert {"agent.letta.conversation", "agent.turns", "agent.events"} <= reached


def test_an_import_of_livekit_would_be_seen() -> None:
    assert any(name.startswith("livekit") for name in imports("agent.letta.llm", at_import=True))
