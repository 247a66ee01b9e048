"""What the verdict is made of, as the doctor shows it: lines of the system's health. And the one
fact that the doctor asks otherwise than the proxy: can the calls database be written?"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg

from common.probe import Finding, State, milliseconds_since
from dev.doctor.context import Context
from dev.doctor.model_calls import EMBEDDINGS, LOCAL_MODELS
from proxy.api.health import AgentHealthAnswer
from proxy.probes import livekit, providers
from proxy.settings import ProxySettings
from proxy.timeline.store.database import DatabaseUrl, database_url_of
from proxy.verdicts.quote import weights_are_missing
from proxy.verdicts.system_health import Machine, ProbeResult, Process, SystemHealth

START = "./restart_voice_system.sh"
DATABASE = "calls database"
DATABASE_LIMIT_S = 3.0
LOCK_WAIT_S = 1.0
GROUP_OF = {
    livekit.ADDRESS: "network",
    livekit.CREDENTIALS: "credentials",
    providers.LETTA_KEY: "credentials",
    providers.SPEECH_TO_TEXT: "models",
    providers.TEXT_TO_SPEECH: "models",
    providers.CHAT: "models",
    EMBEDDINGS: "models",
    LOCAL_MODELS: "models",
    DATABASE: "calls",
}
NEXT = {
    "missing": "set the key in .env",
    "rejected": "correct the key in .env, then {start}",
    "rate-limited": "wait, or raise the provider's limit",
    "dns": "correct the address, or this machine's DNS",
    "refused": "start that server, or correct its address",
    "timeout": "look at that server, or at a firewall on the way",
    "tls": "correct the address, or the certificates of this machine",
    "scheme": "correct the address",
    "not-writable": "make its file and folder writable for this user",
    "locked": "end the program that holds it open",
}
CPU_WARN = 0.9
MB = 2**20


def findings(health: SystemHealth, worker: AgentHealthAnswer, checkout: Context) -> list[Finding]:
    """All lines that follow from the health."""
    return [
        *(_process(process) for process in health.processes.values()),
        *(
            _of_probe(probe, checkout)
            for name in GROUP_OF
            if name in health.probes and _adds(probe := health.probes[name])
        ),
        *_not_asked(health, checkout),
        _worker(worker),
        *(_machine(health.machine) if health.machine is not None else ()),
    ]


def _process(process: Process) -> Finding:
    pid = f", pid {process.pid}" if process.pid else ""
    restarts = f", {process.restarts} restarts" if process.restarts else ""
    detail = f"{process.state}{pid}{restarts}"
    fine = process.state in ("ready", "monitoring") and process.answers is not False
    if fine and not process.frozen:
        more = f": {process.detail}" if process.state == "monitoring" else ""
        return Finding("processes", process.name, "ok", f"{detail}{more}")
    last = f" | {process.log[-1].strip()}" if process.log else ""
    frozen = f" stopped: {', '.join(process.frozen)};" if process.frozen else ""
    on_the_way = process.state in ("preparing", "starting") and not process.cause
    state: State = "warn" if on_the_way else "fail"
    next_step = "wait a moment" if on_the_way else f"{START} {process.name}"
    return Finding(
        "processes", process.name, state, f"{detail}:{frozen} {process.detail}{last}", next_step
    )


def _adds(probe: ProbeResult) -> bool:
    """Whether the line says something that the others do not: the way to the SFU has its own."""
    return probe.name != livekit.ADDRESS or not probe.ok


def _of_probe(probe: ProbeResult, checkout: Context) -> Finding:
    group = GROUP_OF[probe.name]
    if probe.ok:
        detail = f"taken by {probe.target}" if group == "credentials" else probe.detail
        if probe.name == providers.LETTA_KEY and checkout.settings.letta_api_key is None:
            detail = f"none is set, and {probe.target} wants none"
        return Finding(group, probe.name, "ok", detail, ms=probe.ms)
    # Only the long-term archive of Letta's agents needs embeddings, which most never use.
    state: State = "warn" if probe.name in (EMBEDDINGS, LOCAL_MODELS) else "fail"
    usual = NEXT.get(probe.problem, "look at that server's log").format(start=START)
    next_step = weights_are_missing(probe.detail) or usual
    return Finding(group, probe.name, state, probe.detail, next_step, probe.ms)


def _not_asked(health: SystemHealth, checkout: Context) -> Iterator[Finding]:
    for name in (livekit.CREDENTIALS, providers.LETTA_KEY):
        if name not in health.probes:
            why = "its server did not answer the question"
            if name == livekit.CREDENTIALS and checkout.settings.livekit_credentials is None:
                why = "not there yet: the first start makes them"
            yield Finding("credentials", name, "skip", why)
    for name in (providers.SPEECH_TO_TEXT, providers.TEXT_TO_SPEECH, providers.CHAT):
        if name not in health.probes:
            why = "Letta's own business"
            if name == providers.CHAT and "letta" not in checkout.monitors:
                why = "Letta, which asks it, is not running"
            yield Finding("models", name, "skip", why)


def _worker(answer: AgentHealthAnswer) -> Finding:
    if answer.success:
        name = f"{answer.agent_name!r}, which LIVEKIT_AGENT_NAME says"
        detail = f"registered as {name}; {answer.worker_id}, calls now: {len(answer.jobs)}"
        return Finding("worker", "registration", "ok", detail)
    detail = f"{answer.message} LIVEKIT_AGENT_NAME is {answer.expected_name!r}."
    return Finding("worker", "registration", "fail", detail, answer.next_step)


def _machine(machine: Machine) -> Iterator[Finding]:
    busiest = f"; busiest: {', '.join(machine.busiest)}" if machine.busiest else ""
    busy = machine.cpu >= CPU_WARN
    yield Finding(
        "machine",
        "CPU",
        "warn" if busy else "ok",
        f"{machine.cpu:.0%} of {machine.cores} cores busy{busiest if busy else ''}",
        "end what is not needed: sound stutters on a busy machine" if busy else "",
    )
    scarce = machine.memory_available < machine.memory_low
    yield Finding(
        "machine",
        "memory",
        "fail" if scarce else "ok",
        f"{machine.memory_available // MB} of {machine.memory_total // MB} MB available"
        f"{busiest if scarce else ''}",
        "end what is not needed" if scarce else "",
    )
    if machine.disk_free is not None:
        full = machine.disk_free < machine.disk_low
        yield Finding(
            "machine",
            "disk",
            "fail" if full else "ok",
            f"{machine.disk_free // MB} MB free at {machine.disk_path}",
            "free some space there" if full else "",
        )


async def database(settings: ProxySettings) -> ProbeResult:
    """Whether the database of these settings takes what happens in calls. It is asked without
    writing anything, and without making it."""
    began, at = time.monotonic(), time.time()
    where = database_url_of(settings)
    try:
        if where.path is not None:
            problem, detail = await asyncio.to_thread(_file, where.path)
        else:
            problem, detail = await _postgres(where)
    finally:
        where.close()
    ms = milliseconds_since(began)
    return ProbeResult(DATABASE, problem, detail, where.shown, None, ms, at)


def _file(path: Path) -> tuple[str, str]:
    if not path.exists():
        folder = next(parent for parent in path.parents if parent.exists())
        if os.access(folder, os.W_OK | os.X_OK):
            return "", f"{path} is not there yet; it can be made"
        return "not-writable", f"{path} cannot be made: {folder} is not writable"
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
        ) as database:
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            try:
                count = database.execute("SELECT count(*) FROM calls").fetchone()[0]
            finally:
                database.execute("ROLLBACK")
    except sqlite3.Error as error:
        return _problem(str(error)), f"{path} cannot be written: {error}"
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return "not-writable", f"{path} cannot be written: its permissions forbid it"
    return "", f"{path} can be written; calls in it: {count}"


def _problem(message: str) -> str:
    if "locked" in message:
        return "locked"
    if "no such table" in message:
        return ""  # made, but not filled yet
    readonly = "readonly" in message or "unable to open" in message
    return "not-writable" if readonly else "other"


async def _postgres(where: DatabaseUrl) -> tuple[str, str]:
    try:
        async with asyncio.timeout(DATABASE_LIMIT_S):
            connection = await asyncpg.connect(where.postgres)
            try:
                read_only = await connection.fetchval("SHOW transaction_read_only")
            finally:
                await connection.close()
    except TimeoutError:
        return "timeout", f"{where.shown} does not answer within {DATABASE_LIMIT_S:g} s"
    except ConnectionRefusedError:
        return "refused", f"{where.shown} refuses the connection: nothing listens there"
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return "other", f"{where.shown} cannot be used: {error}"
    if read_only == "on":
        return "not-writable", f"{where.shown} can only be read"
    return "", f"{where.shown} can be written"
