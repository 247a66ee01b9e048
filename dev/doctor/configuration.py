"""The settings in use: what is wrong in them, who may read them, those that differ from their
defaults, and the network proxies of this shell."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Iterator
from pathlib import Path

from common.known_secrets import holds_secrets, is_secret
from common.probe import Finding
from dev.doctor.context import Context
from dev.table import Setting, table

ALIKE = 0.86
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


async def check(checkout: Context) -> list[Finding]:
    known = table()
    return [
        *_problems(checkout),
        *_permissions(checkout.dotenv_path),
        *_misspelt(checkout, {setting.name for setting in known}),
        *_in_use(checkout, known),
        *_proxies(checkout),
    ]


def _problems(checkout: Context) -> Iterator[Finding]:
    for problem in checkout.problems:
        own_line = problem.startswith(".env ")
        next_step = "correct that line of .env" if own_line else "correct it in .env"
        yield Finding("settings", "problem", "fail", problem, next_step)


def _permissions(dotenv: Path) -> Iterator[Finding]:
    """Secrets that other users of this machine can read."""
    try:
        mode = stat.S_IMODE(dotenv.stat().st_mode)
    except OSError:
        return
    names = holds_secrets(dotenv) if mode & 0o077 else []
    if names:
        detail = (
            f".env holds {', '.join(names)}, and other users of this machine may read it "
            f"(mode {mode:04o})"
        )
        yield Finding("settings", ".env", "warn", detail, f"chmod 600 {dotenv}")


def _misspelt(checkout: Context, known: set[str]) -> Iterator[Finding]:
    for name in checkout.dotenv:
        alike = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
        if name not in known and alike:
            detail = f"{name} ({checkout.sources.get(name, '.env')}) is no setting of this system"
            yield Finding("settings", name, "warn", detail, f"did you mean {alike[0]}?")


def _in_use(checkout: Context, known: list[Setting]) -> Iterator[Finding]:
    for setting in known:
        value = checkout.environ.get(setting.name, "")
        source = checkout.sources.get(setting.name, "default")
        if is_secret(setting.name, value):
            shown = f"set, {len(value)} characters"
        else:
            shown = value or setting.default or "not set"
        same = source in ("default", "derived") or value == setting.default
        yield Finding("settings", setting.name, "ok", f"{shown} ({source})", quiet=same)


def _proxies(checkout: Context) -> Iterator[Finding]:
    """Proxies of the network are obeyed by some libraries and not by others."""
    for name in PROXIES:
        value = checkout.environ.get(name) or checkout.environ.get(name.lower())
        if value:
            detail = f"{value}; the agent's requests go through it, those of the proxy do not"
            yield Finding("settings", name, "ok", detail)
