"""From a clean clone to a running system, with package caches that are empty."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from dev.bench.bench import progress
from dev.bench.system import own_place, run
from dev.bench.table import Result, Row
from dev.services import CHECKOUT

GOAL_S = 300.0
LIMIT_S = 1800.0


async def measure() -> Result:
    folder = Path(tempfile.mkdtemp(prefix="voice-clone-"))
    clone = folder / "clone"
    try:
        with own_place() as exported:
            exported.pop("LIVEKIT_SERVER_BIN", None)
            environ = {**exported, **_empty_caches(folder), "PATH": _path_without(CHECKOUT)}
            progress("clean clone → ready (minutes)")
            await run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], environ, 120, folder)
            command = str(clone / "restart_voice_system.sh")
            try:
                took = await run([command], environ, LIMIT_S, clone)
            finally:
                await run([command, "stop"], environ, 120, clone)
    finally:
        _remove(folder)
    row = Row(
        "clean clone → ready, caches empty", took, None, "s", f"≤ {GOAL_S:g} s", took <= GOAL_S
    )
    return Result([row], [], {"seconds": took})


def _empty_caches(folder: Path) -> dict[str, str]:
    """Every cache that the preparation uses, in a folder of its own."""
    cache = folder / "cache"
    names = ("XDG_CACHE_HOME", "UV_CACHE_DIR", "PIP_CACHE_DIR", "npm_config_cache",
             "GOPATH", "GOMODCACHE", "GOCACHE")  # fmt: skip
    return {name: str(cache / name.lower()) for name in names}


def _path_without(checkout: Path) -> str:
    parts = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(each for each in parts if not Path(each).is_relative_to(checkout))


def _remove(folder: Path) -> None:
    # Go makes its module cache read-only.
    for each in folder.rglob("*"):
        if each.is_dir() and not each.is_symlink():
            each.chmod(0o700)
    shutil.rmtree(folder)
