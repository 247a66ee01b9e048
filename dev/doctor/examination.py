"""Look at everything, each within its own time, and come to a verdict; never in more than 10 s."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path

import aiohttp

from common.probe import Probe
from dev.doctor import store
from dev.doctor.checks import health as health_lines
from dev.doctor.checks import network, ports, settings, versions
from dev.doctor.examined import Examined
from dev.doctor.finding import Finding, Group, in_order, redacted
from dev.doctor.foreseen import foreseen
from dev.doctor.models import Models
from dev.doctor.surroundings import Surroundings
from proxy.health import describe
from proxy.probes import livekit
from proxy.probes.question import new_session
from proxy.probes.watch import Fact, collect
from proxy.registration import Registration, Worker
from proxy.verdicts.health import Health
from proxy.verdicts.history import History
from proxy.verdicts.judge import judge
from proxy.verdicts.verdict import Verdict

HERE_LIMIT_S = 8.0
"""For what is on this machine."""
HEAD_START_S = 1.0
PREVENTS = ("port-taken", "disk-full", "machine-out-of-memory")
"""What must be mended before a start can help."""
OUTSIDE_LIMIT_S = 7.0
"""For what may be elsewhere, models included."""


async def examine(around: Surroundings, *, outside: bool = True) -> Examined:
    """Ask all there is to ask; `outside` tells whether models elsewhere are called."""
    began = time.monotonic()
    here = [
        asyncio.create_task(_within(HERE_LIMIT_S, "versions", versions.check(around))),
        asyncio.create_task(_within(HERE_LIMIT_S, "settings", settings.check(around))),
        asyncio.create_task(_within(HERE_LIMIT_S, "ports", ports.check(around))),
    ]
    # They keep the processor busy, which would falsify what is timed after them.
    await asyncio.wait(here, timeout=HEAD_START_S)
    (health, lines), way = await asyncio.gather(
        _health(around, outside),
        _within(OUTSIDE_LIMIT_S, "network", network.check(around)),
    )
    parts = [*(await asyncio.gather(*here)), way, lines]
    findings = in_order(redacted([line for part in parts for line in part], around.redactor))
    verdict = _verdict(foreseen(health, around, findings), around) if health is not None else None
    return Examined(
        findings=findings,
        verdict=verdict,
        next=_next(findings, verdict),
        seconds=round(time.monotonic() - began, 2),
    )


async def _health(around: Surroundings, outside: bool) -> tuple[Health | None, list[Finding]]:
    """The health of the system, and the lines that it makes."""
    try:
        async with asyncio.timeout(OUTSIDE_LIMIT_S), new_session() as session:
            health, worker = await asyncio.gather(
                collect(
                    around.settings, session, _facts(around, session, outside), _without(around)
                ),
                _worker(Registration(around.settings, session)),
            )
    except TimeoutError:
        return None, [_late("processes", OUTSIDE_LIMIT_S)]
    except Exception as error:
        return None, [_own_fault("processes", error)]
    return health, health_lines.findings(health, describe(worker, around.settings), around)


async def _worker(registration: Registration) -> Worker:
    """What the worker says of itself; asked twice when it is there but slow."""
    worker = await registration.read()
    if worker.status is None and not worker.gone:
        worker = await registration.read()
    return worker


def _facts(around: Surroundings, session: aiohttp.ClientSession, outside: bool) -> list[Fact]:
    """What is asked besides, or instead of, what the proxy asks all the time."""
    models = Models(around.settings, session, outside=outside, letta="letta" not in around.monitors)
    return [*models.facts(), Probe(store.NAME, lambda: store.probe(around.settings))]


def _without(around: Surroundings) -> list[str]:
    """What is not asked: the key and secret that the first start will make."""
    made_later = around.settings.livekit_credentials is None and "livekit" not in around.monitors
    return [livekit.CREDENTIALS] if made_later else []


def _verdict(health: Health, around: Surroundings) -> Verdict:
    verdict = judge(History(), health, time.time())["system"]
    told = asdict(verdict)
    shown = around.redactor.data({"evidence": told["evidence"]})["evidence"]
    evidence = tuple(type(one)(**each) for one, each in zip(verdict.evidence, shown, strict=True))
    return type(verdict)(
        **{
            **told,
            "sentence": around.redactor.text(verdict.sentence),
            "next": around.redactor.text(verdict.next),
            "evidence": evidence,
        }
    )


async def _within(limit: float, group: Group, work: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError:
        return [_late(group, limit)]
    except Exception as error:  # one check that is broken must not keep the others from telling
        return [_own_fault(group, error)]


def _late(group: Group, limit: float) -> Finding:
    detail = f"not done within {limit:g} s: this machine, or what was asked, is too slow"
    return Finding(group, group, "fail", detail, "look at the machine's load, and try again")


def _own_fault(group: Group, error: Exception) -> Finding:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    detail = f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    return Finding(group, group, "fail", f"this check is broken: {detail}", "report it, please")


def _next(findings: list[Finding], verdict: Verdict | None) -> str:
    """What to do first: nothing else helps while the settings are wrong."""
    failed = [finding for finding in findings if finding.state == "fail"]
    wrong = [finding for finding in failed if finding.group == "settings"]
    if wrong:
        return f"{wrong[0].detail.rstrip('.')}. {wrong[0].next}".strip()
    processes = [finding for finding in findings if finding.group == "processes"]
    stopped = processes and all(finding.detail.startswith("stopped") for finding in processes)
    if stopped and not (verdict is not None and verdict.cause in PREVENTS):
        return "nothing runs: start it all by ./restart_voice_system.sh"
    if verdict is not None and verdict.state != "ok" and verdict.next:
        return verdict.next
    return next((finding.next for finding in failed if finding.next), "")
