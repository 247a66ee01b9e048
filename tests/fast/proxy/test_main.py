"""`python -m proxy` as a process: listens, says so, ends cleanly, and says what is wrong."""

from __future__ import annotations

import tomllib

from proxy import __version__
from tests.running_system import ROOT


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
