"""The page's packages: `npm ci` with the machine's Node.js, or with the one from a wheel. Standard
library only."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from dev.bootstrap import long_steps, venvs
from dev.bootstrap.long_steps import CHECKOUT

OLDEST_NODE = 18
LOCK = CHECKOUT / "package-lock.json"
STAMP = CHECKOUT / "node_modules" / ".complete"


def complete() -> bool:
    """Whether node_modules is what package-lock.json says (a few milliseconds)."""
    try:
        return STAMP.read_text() == _hash()
    except FileNotFoundError:
        return False


def ensure() -> None:
    """Install the page's packages unless they are there."""
    if complete():
        return
    with long_steps.lock("node", "the page's packages"):
        if complete():
            return
        STAMP.unlink(missing_ok=True)
        environ = {**os.environ, "npm_config_update_notifier": "false", "npm_config_fund": "false"}
        npm = _npm(environ)
        long_steps.run(
            "the page's packages (npm ci, once)",
            [*npm, "ci", "--no-audit", "--loglevel=error"],
            environ=environ,
            limit_s=600,
        )
        STAMP.write_text(_hash())


def _npm(environ: dict[str, str]) -> list[str | Path]:
    """The command that is npm; puts the Node.js it needs on the PATH of `environ`."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and _version(node) >= OLDEST_NODE:
        return [npm]
    venvs.ensure(venvs.NODE, venvs.NODE.sets[0])
    environ["PATH"] = f"{venvs.NODE.path / 'bin'}{os.pathsep}{environ.get('PATH', '')}"
    return [venvs.NODE.path / "bin" / "npm"]


def _version(node: str) -> int:
    """The major version of `node`, 0 when it does not run."""
    try:
        shown = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=10
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = re.match(r"v(\d+)\.", shown)
    return int(version[1]) if version else 0


def _hash() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()
