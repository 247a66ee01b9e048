"""The settings in use: what is wrong in them, and those that differ from their defaults."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from common.known_secrets import is_secret
from dev.doctor.finding import Finding
from dev.doctor.surroundings import Surroundings
from dev.table import Setting, table

ALIKE = 0.86
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


async def check(around: Surroundings) -> list[Finding]:
    known = table()
    return [
        *_problems(around),
        *_misspelt(around, {setting.name for setting in known}),
        *_in_use(around, known),
        *_proxies(around),
    ]


def _problems(around: Surroundings) -> Iterator[Finding]:
    for problem in around.problems:
        yield Finding("settings", "problem", "fail", problem, _where(problem))


def _where(problem: str) -> str:
    return "correct that line of .env" if problem.startswith(".env ") else "correct it in .env"


def _misspelt(around: Surroundings, known: set[str]) -> Iterator[Finding]:
    for name in around.dotenv:
        alike = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
        if name not in known and alike:
            detail = f"{name} ({around.sources.get(name, '.env')}) is no setting of this system"
            yield Finding("settings", name, "warn", detail, f"did you mean {alike[0]}?")


def _in_use(around: Surroundings, known: list[Setting]) -> Iterator[Finding]:
    for setting in known:
        value = around.environ.get(setting.name, "")
        source = around.sources.get(setting.name, "default")
        if is_secret(setting.name, value):
            shown = f"set, {len(value)} characters" if value else "not set"
        else:
            shown = value or setting.default or "not set"
        same = source in ("default", "derived") or value == setting.default
        yield Finding("settings", setting.name, "ok", f"{shown} ({source})", quiet=same)


def _proxies(around: Surroundings) -> Iterator[Finding]:
    """Proxies of the network are obeyed by some libraries and not by others."""
    for name in PROXIES:
        value = around.environ.get(name) or around.environ.get(name.lower())
        if value:
            detail = f"{value}; the agent's requests go through it, those of the proxy do not"
            yield Finding("settings", name, "ok", detail)
