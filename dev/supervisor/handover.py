"""What the person exported in their shell, undisturbed by honcho, and how it reaches a launcher.

honcho reads `.env` with a parser of its own, puts the result and PORT over the shell's environment,
and hands that to each process. So a launcher under honcho asks for the environment that honcho
itself was started with. A launcher that becomes a new one carries the exported environment in its
own, marked with its pid.

A restart hands its shell's environment and the settings composed from it over in a file, which
counts only while that restart lives, and is private, since it holds secrets. The composed settings
are there for speed: one process composes for all, so five need not load every room.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from common.process_records import Identity
from dev.services import CHECKOUT
from dev.supervisor import private_files
from dev.supervisor.parents import Parents

# Its value is the pid of a launcher whose whole environment is what the person exported.
CARRIED = "VOICE_EXPORTED_BY"
# The open lock file, handed to the launcher that this one becomes.
LOCK = "VOICE_LAUNCHER_LOCK"
# The file of a restart that waits for this launcher.
HANDOVER = "VOICE_HANDOVER"
OWN = (CARRIED, LOCK, HANDOVER, "HONCHO_PROCESS_NAME")
FILE = "hand-over.json"


def exported(parents: Parents) -> tuple[dict[str, str], str | None]:
    """The exported environment, and a warning when honcho's had to be taken instead."""
    environ = dict(os.environ)
    warning = None
    if environ.get(CARRIED) != str(os.getpid()) and parents.honcho is not None:
        try:
            environ = psutil.Process(parents.honcho.pid).environ()
        except (psutil.Error, OSError) as error:
            warning = (
                f"the environment of honcho (pid {parents.honcho.pid}) cannot be read ({error}): "
                ".env beats the shell"
            )
    return {name: value for name, value in environ.items() if name not in OWN}, warning


def carry(environ: dict[str, str], lock: int | None, handover: str) -> dict[str, str]:
    """The environment for the launcher that this one becomes: the exported one, marked as such."""
    environ = environ | {CARRIED: str(os.getpid()), HANDOVER: handover}
    if lock is not None:
        os.set_inheritable(lock, True)
        environ[LOCK] = str(lock)
    if name := os.environ.get("HONCHO_PROCESS_NAME"):
        environ["HONCHO_PROCESS_NAME"] = name
    return environ


def carried_lock() -> int | None:
    """The open lock file that the launcher before this one, in the same process, handed over."""
    mine = os.environ.get(CARRIED) == str(os.getpid())
    return int(os.environ[LOCK]) if mine and LOCK in os.environ else None


def path(home: Path) -> Path:
    return home / "run" / FILE


@contextmanager
def handing_over(
    home: Path, environ: dict[str, str], composed: Mapping[str, dict[str, Any]]
) -> Iterator[Path]:
    """Keep the file there while the launchers begin."""
    me = Identity.of(os.getpid())
    assert me is not None
    content = {"by": asdict(me), "environ": environ, "composed": composed}
    private_files.write(path(home), json.dumps(content))
    try:
        yield path(home)
    finally:
        path(home).unlink(missing_ok=True)


def handed_environ(home: Path) -> dict[str, str] | None:
    """The environment that a restart wants the launchers to have, None when none waits for it."""
    content = _read(path(home))
    return dict(content["environ"]) if content else None


def handed_settings(file: str, name: str, exported: Mapping[str, str]) -> dict[str, Any] | None:
    """The settings composed for `name` from just this exported environment, None when not there."""
    content = _read(Path(file)) if file else None
    if content is None or content["environ"] != dict(exported):
        return None
    settings: dict[str, Any] | None = content["composed"].get(name)
    return settings


def unreadable_settings(exported: Mapping[str, str], why: str) -> dict[str, Any]:
    """In place of composed settings, when the code that composes them is broken."""
    home = CHECKOUT / Path(exported.get("VOICE_HOME") or ".voice").expanduser()
    return {
        "home": str(home.resolve()),
        "environ": dict(exported),
        "errors": [f"the settings cannot be read: {why}"],
        "cause": "settings",
        "monitors": {},
        "fingerprint": "",
    }


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
        return content if Identity(**content["by"]).alive else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
