"""The page's reducers and words, tested by node where they run as they do in the browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dev.bootstrap import venvs

DEADLINE_S = 30
HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.test.js"))


def test_there_are_tests() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.js"))
def test_in_node(file: Path) -> None:
    node = shutil.which("node") or venvs.NODE.path / "bin" / "node"
    done = subprocess.run(
        [node, "--test", file], capture_output=True, text=True, timeout=DEADLINE_S, cwd=HERE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout, f"no test ran:\n{done.stdout}"
