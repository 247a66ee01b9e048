"""The doctor with all its means: look at everything, each within its own time and in never more
than 10 s, and come to a verdict."""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import aiohttp

from common.known_secrets import is_secret
from common.probe import Finding, Probe, ProbeAnswer, ask, broken, flat
from common.probe import run as run_probes
from common.redaction import BLOT
from dev.doctor import (
    configuration,
    consequences,
    context,
    health_lines,
    preflight,
    report,
    sfu_path,
    versions,
)
from dev.doctor.context import Context
from dev.doctor.model_calls import Models
from dev.doctor.report import Report
from dev.settings_table import table
from proxy.api.health import describe
from proxy.clients.registration import Registration, Worker
from proxy.probes import livekit
from proxy.probes.question import new_session
from proxy.probes.watch import Fact, collect
from proxy.verdicts.history import History
from proxy.verdicts.judge import judge
from proxy.verdicts.system_health import SystemHealth

HERE_LIMIT_S = 8.0
"""For what is on this machine."""
HEAD_START_S = 1.0
PREVENTS = ("port-taken", "disk-full", "machine-out-of-memory")
"""What must be mended before a start can help."""
OUTSIDE_LIMIT_S = 7.0
"""For what may be elsewhere, models included."""


def run(options: argparse.Namespace, exported: Mapping[str, str]) -> int:
    """Examine and tell; the exit code."""
    # What is wrong is told in lines of our own.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    checkout = context.read(exported)
    answer = asyncio.run(examine(checkout, outside=not options.offline))
    report.show(options, answer)
    written = True
    if options.bundle is not None:
        # Slow to import, and only needed here.
        from proxy.bundle.calls import last_calls

        calls, trouble = asyncio.run(last_calls(checkout.settings))
        written = report.write_bundle(
            options,
            answer,
            checkout.redactor,
            checkout.home,
            settings=_settings(checkout),
            calls=calls,
            trouble=trouble,
        )
    return 0 if answer.well and written else 1


async def examine(checkout: Context, *, outside: bool = True) -> Report:
    """Ask all there is to ask; `outside` tells whether models elsewhere are called."""
    began = time.monotonic()
    probes: list[Probe[ProbeAnswer]] = [
        Probe(
            "versions",
            partial(versions.check, checkout.environ, checkout.monitors),
            group="versions",
            limit=HERE_LIMIT_S,
        ),
        Probe(
            "settings",
            partial(configuration.check, checkout),
            group="settings",
            limit=HERE_LIMIT_S,
        ),
        Probe("ports", partial(preflight.check, checkout), group="ports", limit=HERE_LIMIT_S),
    ]
    here = asyncio.create_task(run_probes(probes))
    # They keep the processor busy, which would falsify what is timed after them.
    await asyncio.wait([here], timeout=HEAD_START_S)
    way = Probe[ProbeAnswer](
        "network",
        partial(sfu_path.check, checkout.settings),
        group="network",
        limit=OUTSIDE_LIMIT_S,
    )
    (health, lines), network = await asyncio.gather(_health(checkout, outside), ask(way))
    findings = flat([*(await here), network, lines])
    if health is not None:
        findings = configuration.blame(findings, health.worker_detour)
    findings = report.redacted(findings, checkout.redactor)
    verdict = None
    if health is not None:
        verdict = _verdict(preflight.predicted(health, checkout, findings), checkout)
    first = next_step(findings, verdict)
    findings = report.redacted(consequences.apart(findings, checkout), checkout.redactor)
    return Report(findings, verdict, first, round(time.monotonic() - began, 2))


async def _health(checkout: Context, outside: bool) -> tuple[SystemHealth | None, list[Finding]]:
    """The health of the system, and the lines that it makes."""
    try:
        async with asyncio.timeout(OUTSIDE_LIMIT_S), new_session() as session:
            health, worker = await asyncio.gather(
                collect(
                    checkout.settings,
                    session,
                    _facts(checkout, session, outside),
                    _without(checkout),
                ),
                _worker(Registration(checkout.settings, session)),
            )
    except TimeoutError:
        detail = f"not done within {OUTSIDE_LIMIT_S:g} s: this machine, or a service, is too slow"
        next_step = "look at the machine's load, and try again"
        return None, [Finding("processes", "processes", "fail", detail, next_step)]
    except Exception as error:
        detail = broken(error)
        return None, [Finding("processes", "processes", "fail", detail, "report it, please")]
    return health, health_lines.findings(health, describe(worker, checkout.settings), checkout)


async def _worker(registration: Registration) -> Worker:
    """What the worker says of itself; asked twice when it is there but slow."""
    worker = await registration.read()
    if worker.status is None and not worker.gone:
        worker = await registration.read()
    return worker


def _facts(checkout: Context, session: aiohttp.ClientSession, outside: bool) -> list[Fact]:
    """What is asked besides, or instead of, what the proxy asks all the time."""
    own_letta = "letta" not in checkout.monitors
    models = Models(checkout.settings, session, outside=outside, letta=own_letta)
    return [
        *models.facts(),
        Probe(health_lines.DATABASE, lambda: health_lines.database(checkout.settings)),
    ]


def _without(checkout: Context) -> list[str]:
    """What is not asked: the key and secret that the first start will make."""
    made_later = (
        checkout.settings.livekit_credentials is None and "livekit" not in checkout.monitors
    )
    return [livekit.CREDENTIALS] if made_later else []


def _verdict(health: SystemHealth, checkout: Context) -> Mapping[str, Any]:
    verdict = asdict(judge(History(), health, time.time())["system"])
    shown: Mapping[str, Any] = checkout.redactor.data(verdict)
    return shown


def next_step(findings: list[Finding], verdict: Mapping[str, Any] | None) -> str:
    """What to do first: nothing else helps while the settings are wrong."""
    failed = [finding for finding in findings if finding.state == "fail"]
    wrong = [finding for finding in failed if finding.group == "settings"]
    if wrong:
        subject = "" if wrong[0].what == "problem" else f"{wrong[0].what}: "
        step = wrong[0].next
        return f"{subject}{wrong[0].detail.rstrip('.')}. {step[:1].upper()}{step[1:]}".strip()
    processes = [finding for finding in findings if finding.group == "processes"]
    stopped = processes and all(finding.detail.startswith("stopped") for finding in processes)
    if stopped and not (verdict is not None and verdict["cause"] in PREVENTS):
        return "nothing runs: start it all by ./restart_voice_system.sh"
    if verdict is not None and verdict["state"] != "ok" and verdict["next"]:
        return str(verdict["next"])
    return next((finding.next for finding in failed if finding.next), "")


def _settings(checkout: Context) -> dict[str, Any]:
    """Every setting: its value, and where that is from."""
    settings: dict[str, Any] = {}
    for setting in table():
        value = checkout.environ.get(setting.name, "") or setting.default
        settings[setting.name] = {
            "value": BLOT if is_secret(setting.name, value) else value,
            "from": checkout.sources.get(setting.name, "default"),
        }
    return {"settings": settings, "problems": checkout.problems, "elsewhere": checkout.monitors}
