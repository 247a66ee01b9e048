"""The settings in use: what is wrong in them, who may read them, those that differ from their
defaults, and the network proxies of this shell."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from common import odd_keys
from common.detour import Detour, place_of
from common.known_secrets import exposed, is_secret
from common.probe import Finding
from dev.doctor.context import Context
from dev.settings_table import Setting, table
from proxy.probes import providers
from proxy.probes.question import is_own

ALIKE = 0.86
CONNECT_LIMIT_S = 2.0
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


async def check(checkout: Context) -> list[Finding]:
    known = table()
    return [
        *_problems(checkout),
        *_permissions(checkout.dotenv_path),
        *_odd_keys(checkout),
        *_misspelt(checkout, {setting.name for setting in known}),
        *_in_use(checkout, known),
        *await _proxies(checkout),
    ]


def _problems(checkout: Context) -> Iterator[Finding]:
    for problem in checkout.problems:
        exported = any(
            source == "exported" and name in problem for name, source in checkout.sources.items()
        )
        next_step = "correct it in .env"
        if problem.startswith(".env "):
            next_step = "correct that line of .env"
        elif exported or "exported in the shell" in problem:
            next_step = "correct it where the shell exports it"
        yield Finding("settings", "problem", "fail", problem, next_step)


def _permissions(dotenv: Path) -> Iterator[Finding]:
    """Secrets that other users of this machine can read."""
    if detail := exposed(dotenv):
        yield Finding("settings", ".env", "warn", detail, f"chmod 600 {dotenv}")


def _odd_keys(checkout: Context) -> Iterator[Finding]:
    """Keys whose value looks like something else."""
    for name in odd_keys.KEYS:
        if odd := odd_keys.looks_like(name, checkout.environ):
            where = checkout.sources.get(name, ".env")
            yield Finding("settings", name, "warn", f"{odd} ({where})", "correct it there")


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


async def _proxies(checkout: Context) -> list[Finding]:
    """The network proxies of this shell: what is asked through each, and whether it is there."""
    names = [
        name
        for variable in PROXIES
        for name in (variable, variable.lower())
        if checkout.environ.get(name)
    ]
    return list(await asyncio.gather(*(_proxy(name, checkout) for name in names)))


async def _proxy(name: str, checkout: Context) -> Finding:
    value, asked_for = checkout.environ[name], _through(name, checkout)
    if not asked_for:
        detail = f"{value}; nothing is asked through it: all is on this machine or in NO_PROXY"
        return Finding("settings", name, "ok", detail)
    detail = f"{value}; the agent and Letta ask it for {', '.join(asked_for)}"
    place = place_of(value)
    if place is None:
        next_step = f"write it as http://HOST:PORT, or unset {name}"
        return Finding("settings", name, "fail", f"{detail}, but it is no address", next_step)
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            _, writer = await asyncio.open_connection(*place)
        writer.close()
    except (OSError, TimeoutError):
        hosts = ",".join(dict.fromkeys(asked_for.values()))
        next_step = f"unset {name}, or add {hosts} to NO_PROXY, then ./restart_voice_system.sh"
        return Finding("settings", name, "fail", f"{detail}, but nothing answers there", next_step)
    return Finding("settings", name, "ok", detail)


def _through(name: str, checkout: Context) -> dict[str, str]:
    """What is asked through this proxy: the setting, or the task of a provider, and its host. The
    worker takes HTTPS_PROXY, or else HTTP_PROXY, whatever the scheme of LIVEKIT_URL is."""
    settings = checkout.settings
    urls = {"LIVEKIT_URL": settings.livekit_url, "LETTA_BASE_URL": settings.letta_base_url}
    urls |= {provider.role: provider.base_url for provider in providers.in_use(settings)}
    exempt = {"no": ",".join(checkout.environ.get(no, "") for no in ("NO_PROXY", "no_proxy"))}
    through = {}
    for what, url in urls.items():
        host, scheme = urlsplit(url).hostname or "", urlsplit(url).scheme
        variable = "HTTPS_PROXY" if scheme in ("https", "wss") else "HTTP_PROXY"
        fits = what == "LIVEKIT_URL" or name.upper() in (variable, "ALL_PROXY")
        if fits and not is_own(url) and not proxy_bypass_environment(host, exempt):
            through[what] = host
    return through


def blame(findings: list[Finding], elsewhere: Detour | None) -> list[Finding]:
    """The findings, with the variable that sends the worker to another address than was meant."""
    if elsewhere is None:
        return findings
    return [
        replace(
            finding,
            state="fail",
            detail=f"{finding.detail.partition('; ')[0]}; of the worker: {elsewhere.sentence}",
            next=f"{elsewhere.next}; then ./restart_voice_system.sh agent",
        )
        if finding.group == "settings" and finding.what == elsewhere.variable
        else finding
        for finding in findings
    ]
