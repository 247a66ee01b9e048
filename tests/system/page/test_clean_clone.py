"""The README's two commands, from a clean clone in an empty folder."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.running_system import ROOT, System, new_system

PREPARE_S = 900
SETTLED_S = 10
"""What was just installed and started keeps a small machine busy for a moment longer."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The committed state, nothing else; it prepares itself and uses its own ports."""
    folder = tmp_path_factory.mktemp("clean") / "voice system"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    system = new_system(folder / ".voice")
    system.root = folder
    yield system
    system.stop()


def test_the_first_command_prepares_and_starts_everything(clone: System) -> None:
    said = clone.command(timeout=PREPARE_S)
    assert f"Open {clone.proxy_url}/debug" in said
    with urllib.request.urlopen(f"{clone.proxy_url}/debug") as page:
        assert page.status == 200
    deadline = time.monotonic() + SETTLED_S
    while (health := httpx.get(f"{clone.proxy_url}/health", timeout=10)).status_code != 200:
        assert time.monotonic() < deadline, health.text
        time.sleep(0.2)


def test_the_second_command_runs_tests(clone: System) -> None:
    """A part of the tests: all of them would run this one again."""
    done = subprocess.run(
        ["./scripts/test", "tests/fast/models/test_rehearsal.py"],
        cwd=clone.root,
        env=clone.environment,
        capture_output=True,
        text=True,
        timeout=PREPARE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_nothing_is_left_but_ignored_files(clone: System) -> None:
    clone.stop()
    left = [
        process.pid
        for process in psutil.process_iter()
        if str(clone.root) in " ".join(_command(process))
    ]
    assert left == []
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone.root, capture_output=True, text=True, check=True
    )
    assert changed.stdout == ""


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
