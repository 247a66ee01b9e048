"""Which parts are here, in which versions, and whether they are complete. Standard library only."""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from common.probe import Finding
from dev.bootstrap import node, venvs
from dev.livekit import binary
from dev.services import CHECKOUT

PACKAGES = ("livekit-agents", "livekit-api", "letta-client", "aiohttp")
COMMAND_LIMIT_S = 3.0


async def check(environ: Mapping[str, str], monitors: Mapping[str, str]) -> list[Finding]:
    """Everything that is needed to run. `monitors` are the services that are somebody else's, and
    why."""
    parts = await asyncio.gather(
        asyncio.to_thread(_project),
        asyncio.to_thread(_packages),
        asyncio.to_thread(_livekit_server, environ, monitors),
        asyncio.to_thread(_letta, environ, monitors),
        asyncio.to_thread(_page),
        asyncio.to_thread(_go),
    )
    return [finding for part in parts for finding in part]


def _project() -> list[Finding]:
    commit = _output("git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=10")
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return [
        Finding("versions", "voice system", "ok", f"{_own_version()}, {commit or 'no git commit'}"),
        Finding("versions", "python", "ok", f"{platform.python_version()} on {system}"),
    ]


def _own_version() -> str:
    try:
        from proxy import __version__
    except Exception:
        return "unknown"  # the proxy cannot be loaded, which the verdict says
    return __version__


def _packages() -> Iterator[Finding]:
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    if venvs.complete(venvs.MAIN, "requirements.txt"):
        yield Finding("versions", "packages", "ok", versions)
        return
    if "missing" in versions:
        yield Finding("versions", "packages", "fail", versions, "./scripts/setup installs them")
        return
    borrowed = not Path(sys.executable).is_relative_to(venvs.MAIN.path)
    yield Finding(
        "versions",
        "packages",
        "warn",
        f"{versions}; {venvs.MAIN.folder} is not what requirements.txt says"
        + (f" (this is {sys.executable})" if borrowed else ""),
        "./scripts/setup makes it so",
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _livekit_server(environ: Mapping[str, str], monitors: Mapping[str, str]) -> list[Finding]:
    if why := monitors.get("livekit"):
        return [Finding("versions", "livekit-server", "skip", f"elsewhere: {why}")]
    try:
        path, refused = binary.find(environ)
    except binary.NoBinary as error:
        return [Finding("versions", "livekit-server", "fail", str(error), "correct the setting")]
    if path is None:
        detail = "; ".join(["it is not here yet: the first start gets it", *refused])
        return [Finding("versions", "livekit-server", "warn", detail, "./scripts/setup")]
    version = binary.version(path)
    if version == binary.VERSION:
        return [Finding("versions", "livekit-server", "ok", f"{version} ({_short(path)})")]
    detail = f"{version} ({_short(path)}); this system is tested with {binary.VERSION}"
    return [Finding("versions", "livekit-server", "warn", detail)]


def _letta(environ: Mapping[str, str], monitors: Mapping[str, str]) -> list[Finding]:
    if why := monitors.get("letta"):
        return [Finding("versions", "letta", "skip", f"elsewhere: {why}")]
    venv = venvs.LETTA
    folders = sorted(venv.path.glob("lib/python3*/site-packages/letta-*.dist-info"))
    if folders and venvs.complete(venv, venv.sets[0]):
        version = folders[-1].name.removeprefix("letta-").removesuffix(".dist-info")
        return [Finding("versions", "letta", "ok", version)]
    return [
        Finding(
            "versions",
            "letta",
            "warn",
            f"{venv.folder} is not complete: the first start makes it",
            "./scripts/setup",
        )
    ]


def _page() -> Iterator[Finding]:
    version = _output("node", "--version") or "not installed"
    if node.complete():
        yield Finding("versions", "node", "ok", f"{version}; the page's packages are here")
        return
    yield Finding(
        "versions",
        "node",
        "warn",
        f"{version}; the page's packages (node_modules) are not what package-lock.json says",
        "./scripts/setup installs them",
    )


def _go() -> list[Finding]:
    """Needed only where livekit-server must be built."""
    words = _output("go", "version").split()
    version = words[2].removeprefix("go") if len(words) > 2 else "not installed"
    return [Finding("versions", "go", "ok", version, quiet=True)]


def _output(*command: str) -> str:
    """What a command printed; nothing when it is not there or does not work."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _short(path: Path) -> str:
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)
