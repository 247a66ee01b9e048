"""What the doctor examines: the settings of this checkout, where each comes from, and its state.

It takes the person's shell and `.env` as the launchers would, but makes nothing: no folder, no key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from common import known_secrets
from common.dotenv import read as read_dotenv
from common.redaction import Redactor
from dev.environment import ENV_MALFORMED, Composed, compose
from dev.services import CHECKOUT, services
from proxy.settings import ProxySettings

DOTENV = CHECKOUT / ".env"
NO_FILE = CHECKOUT / "no such file"


@dataclass(frozen=True)
class Context:
    """Everything that is known before anything is asked."""

    home: Path
    environ: dict[str, str]
    """As a program of the system would get it."""
    sources: dict[str, str]
    """Where each set value is from: `exported`, `.env line 3`, `derived`, `generated`."""
    problems: list[str]
    """What is wrong with the settings, in sentences."""
    refusals: dict[str, tuple[str, str]]
    """For each service whose launcher would refuse these settings its cause and its sentence."""
    monitors: dict[str, str]
    """Which services are someone else's, and why."""
    settings: ProxySettings
    redactor: Redactor
    dotenv_path: Path = NO_FILE
    dotenv: Mapping[str, str] = field(default_factory=dict)


def read(exported: Mapping[str, str], dotenv: Path = DOTENV) -> Context:
    """The context as this shell and `.env` make them; a wrong setting counts as not set."""
    file = read_dotenv(dotenv, exported)
    given = {**file.values, **exported}
    # A launcher refuses a file that is wrong; here what is right in it counts.
    shell, path = (given, NO_FILE) if file.errors else (exported, dotenv)
    composed = {name: compose(name, shell, path, make_key=False) for name in services()}
    of_any_service = next(iter(composed.values()))
    problems = list(
        dict.fromkeys([*file.errors, *(e for c in composed.values() for e in c.errors)])
    )
    environ = of_any_service.environ
    home = Path(of_any_service.home)
    sources = {
        name: _source(name, exported, file.lines, given) for name, value in environ.items() if value
    }
    return Context(
        home=home,
        environ=environ,
        sources=sources,
        problems=problems,
        refusals=_refusals(file.errors, composed),
        monitors=of_any_service.monitors,
        settings=_settings(environ),
        redactor=known_secrets.redactor({**exported, **environ}, dotenv, home),
        dotenv_path=dotenv,
        dotenv=file.values,
    )


def _refusals(malformed: list[str], composed: dict[str, Composed]) -> dict[str, tuple[str, str]]:
    if malformed:
        return {name: (ENV_MALFORMED, "; ".join(malformed)) for name in composed}
    return {name: (c.cause, "; ".join(c.errors)) for name, c in composed.items() if c.errors}


def _source(
    name: str, exported: Mapping[str, str], lines: Mapping[str, int], given: Mapping[str, str]
) -> str:
    if exported.get(name):
        return "exported"
    if given.get(name):
        return f".env line {lines[name]}"
    return "generated" if name.startswith("LIVEKIT_API_") else "derived"


def _settings(environ: dict[str, str]) -> ProxySettings:
    """The settings of the proxy, which serve to ask all others; what is wrong in them is told
    elsewhere and left out here. From now on this process lives in `environ`."""
    os.environ.clear()
    os.environ.update(environ)
    while True:
        try:
            return ProxySettings()
        except ValidationError as error:
            wrong = {str(entry["loc"][0]).upper() for entry in error.errors() if entry["loc"]}
            if not wrong & os.environ.keys():
                raise
            for name in wrong:
                os.environ.pop(name, None)
