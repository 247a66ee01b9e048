"""What a restart hands over to the launchers: its shell's environment and their composed settings.

The file counts only while that restart lives, and is private, since it holds secrets. The composed
settings are there for speed: one process composes for all, so five need not load every room.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dev import private_file
from dev.records import Identity

FILE = "hand-over.json"


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
    private_file.write(path(home), json.dumps(content))
    try:
        yield path(home)
    finally:
        path(home).unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
        return content if Identity(**content["by"]).alive else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def environ(home: Path) -> dict[str, str] | None:
    """The environment that a restart wants the launchers to have, None when none waits for it."""
    content = _read(path(home))
    return dict(content["environ"]) if content else None


def composed(file: str, name: str, exported: Mapping[str, str]) -> dict[str, Any] | None:
    """The settings composed for `name` from just this exported environment, None when not there."""
    content = _read(Path(file)) if file else None
    if content is None or content["environ"] != dict(exported):
        return None
    found: dict[str, Any] | None = content["composed"].get(name)
    return found
