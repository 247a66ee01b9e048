"""A checkout of its own, with a `.env` that a test writes: its worker and proxy are the real ones.

Its LiveKit server, models and Letta are those of a system that runs already.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.fault import Ask
from tests.running_system import ROOT, System, new_system

COPIED = ("dev", "scripts", "restart_voice_system.sh", "Procfile", "package-lock.json")
"""What finds its way from where it lies. The rest is borrowed."""


@contextmanager
def own_checkout(others: System, folder: Path) -> Iterator[System]:
    """Not started yet; ended with the block."""
    root = folder / "checkout"
    root.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    for name in ("agent", "common", "proxy", "web", "node_modules", ".venv", *_lists()):
        (root / name).symlink_to(ROOT / name)
    settings = {
        "LIVEKIT_URL": others.livekit_url,
        "LIVEKIT_API_KEY": others.api_key,
        "LIVEKIT_API_SECRET": others.api_secret,
        "LIVEKIT_AGENT_NAME": "worker-of-another-checkout",
        "MODELS_URL": others.models_url,
        **others.letta_settings,
    }
    apart = new_system(folder / "state", **settings)
    apart.root = root
    try:
        yield apart
    finally:
        apart.stop()


def _lists() -> list[str]:
    return [path.name for path in ROOT.glob("requirements*.txt")]


def of_doctor(system: System) -> Ask:
    """Ask `./scripts/doctor`, which needs no proxy; it judges the system alone."""

    def ask() -> dict[str, Any]:
        done = subprocess.run(
            ["./scripts/doctor", "--json"],
            cwd=system.root,
            env=system.environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        verdict = json.loads(done.stdout)["verdict"]
        if verdict is None:  # it has not all its means, for something is being installed
            return {"failing": None, "verdicts": []}
        failing = verdict["stage"] if verdict["state"] == "failing" else None
        assert (failing is None) or done.returncode == 1, "it fails, and the doctor ends with 0"
        return {"failing": failing, "verdicts": [verdict]}

    return ask
