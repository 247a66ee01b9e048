"""Lines made of the system's health: what the verdict is made of, as the doctor shows it."""

from __future__ import annotations

from collections.abc import Iterator

from dev.doctor import store
from dev.doctor.finding import Finding, Group, State
from dev.doctor.models import EMBEDDINGS
from dev.doctor.surroundings import Surroundings
from proxy.health import AgentHealthAnswer
from proxy.probes import livekit, providers
from proxy.verdicts.health import Health, Machine, ProbeResult, Process

START = "./restart_voice_system.sh"
GROUP_OF: dict[str, Group] = {
    livekit.ADDRESS: "network",
    livekit.CREDENTIALS: "credentials",
    providers.LETTA_KEY: "credentials",
    providers.SPEECH_TO_TEXT: "models",
    providers.TEXT_TO_SPEECH: "models",
    providers.CHAT: "models",
    EMBEDDINGS: "models",
    store.NAME: "calls",
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


def findings(health: Health, worker: AgentHealthAnswer, around: Surroundings) -> list[Finding]:
    """All lines that follow from the health."""
    return [
        *(_process(each) for each in health.processes.values()),
        *(
            _probe(each, around)
            for name in GROUP_OF
            if name in health.probes and _adds(each := health.probes[name])
        ),
        *_not_asked(health, around),
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


def _probe(probe: ProbeResult, around: Surroundings) -> Finding:
    group = GROUP_OF[probe.name]
    if probe.ok:
        detail = f"taken by {probe.target}" if group == "credentials" else probe.detail
        if probe.name == providers.LETTA_KEY and around.settings.letta_api_key is None:
            detail = f"none is set, and {probe.target} wants none"
        return Finding(group, probe.name, "ok", detail, ms=probe.ms)
    # Only the long-term archive of Letta's agents needs embeddings, which most never use.
    state: State = "warn" if probe.name == EMBEDDINGS else "fail"
    next_step = NEXT.get(probe.problem, "look at that server's log").format(start=START)
    return Finding(group, probe.name, state, probe.detail, next_step, probe.ms)


def _not_asked(health: Health, around: Surroundings) -> Iterator[Finding]:
    for name in (livekit.CREDENTIALS, providers.LETTA_KEY):
        if name not in health.probes:
            why = "its server did not answer the question"
            if name == livekit.CREDENTIALS and around.settings.livekit_credentials is None:
                why = "not there yet: the first start makes them"
            yield Finding("credentials", name, "skip", why)
    for name in (providers.SPEECH_TO_TEXT, providers.TEXT_TO_SPEECH, providers.CHAT):
        if name not in health.probes:
            why = "Letta's own business"
            if name == providers.CHAT and "letta" not in around.monitors:
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
