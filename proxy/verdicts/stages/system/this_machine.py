"""What keeps processes of this machine from working: settings, ports, disk, memory, a stop."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import (
    age,
    detail,
    evidence,
    logs,
    restart,
    stage,
    title,
    with_cause,
)
from proxy.verdicts.system_health import LAUNCHER
from proxy.verdicts.verdict import Evidence, Verdict

BEGINS_ANEW = "what waits for it begins anew by itself"
CREDENTIALS_STEP = (
    "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in .env to the pair of the LiveKit server, then "
    "./restart_voice_system.sh"
)
FULL = ("disk is full", "no space left", "disk full", "enospc")
HANGS_S = 1.0


def launcher_cause(code: str, launcher_codes: tuple[str, ...], sentence: str, step: str) -> None:
    """Register a cause that the launcher of a process has found.

    `sentence` and `step` may hold {title}, {detail} and {name} of the process.
    """

    @stage.cause(code)
    def told_by_launcher(call: CallView) -> Verdict | None:
        process = with_cause(call, *launcher_codes)
        if process is None:
            return None
        words = {"title": title(process), "detail": detail(process), "name": process.name}
        return stage.failing(
            sentence.format(**words), step.format(**words), evidence(process), since=process.since
        )


launcher_cause(
    "env-malformed",
    ("env-malformed",),
    "The file .env cannot be read: {detail}.",
    f"Correct that line of .env; {BEGINS_ANEW}.",
)


@stage.cause("credentials-missing")
def credentials_missing(call: CallView) -> Verdict | None:
    """No key and secret for the LiveKit server."""
    probe = call.probe("livekit credentials")
    process = with_cause(call, "credentials-missing")
    if probe is not None and probe.problem == "missing":
        return stage.failing(
            f"The credentials of LiveKit are missing: {probe.detail.rstrip('.')}.",
            CREDENTIALS_STEP,
            quote.probe(probe),
            evidence(process) if process is not None else None,
            since=probe.at,
        )
    if process is not None:
        return stage.failing(
            f"Credentials are missing: {detail(process)}.",
            CREDENTIALS_STEP,
            evidence(process),
            since=process.since,
        )
    code = "LIVEKIT_CREDENTIALS_MISSING"
    refused = call.last("dispatch.refused", code=code) or call.last("token.refused", code=code)
    if refused is None or probe is not None:
        return None
    return stage.failing(
        "The proxy has no LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        CREDENTIALS_STEP,
        refused,
        since=refused.at,
    )


launcher_cause(
    "settings-wrong",
    ("settings",),
    "{title} cannot start with these settings: {detail}.",
    f"Correct the setting in .env; {BEGINS_ANEW}.",
)
launcher_cause(
    "prepare-failed",  # what it needs could not be installed or built
    ("prepare-failed", "not-runnable"),
    "{title} cannot be made ready: {detail}.",
    "./scripts/setup shows the whole output; is the network there, and the disk not full? Then "
    "./restart_voice_system.sh {name}",
)
launcher_cause(
    "port-taken",  # the launcher names who holds the port, and the setting that moves it
    ("port-taken",),
    "{title} cannot start, its port is taken: {detail}.",
    "End the process named there, or move ours by the setting named there in .env; it starts by "
    "itself when the port is free.",
)


@stage.cause("disk-full")
def disk_full(call: CallView) -> Verdict | None:
    """The disk that holds logs, memory and calls."""
    machine, database = call.machine, call.probe("calls database")
    refused = database is not None and any(word in database.detail.lower() for word in FULL)
    free = machine.disk_free if machine is not None else None
    low = machine is not None and free is not None and free < machine.disk_low
    if not refused and not low:
        return None
    free_mb = (free or 0) // 2**20
    place = machine.disk_path if machine is not None and machine.disk_path else "the state folder"
    return stage.failing(
        f"The disk of {place} is full: {free_mb} MB are free.",
        f"Make room there: df -h {place}; du -sh {place}/* shows what fills it (old logs may go).",
        quote.machine(call.health, f"{free_mb} MB free at {place}"),
        quote.probe(database) if refused and database is not None else None,
    )


@stage.cause("machine-out-of-memory")
def out_of_memory(call: CallView) -> Verdict | None:
    machine = call.machine
    if machine is None or machine.memory_available >= machine.memory_low:
        return None
    left, total = machine.memory_available // 2**20, machine.memory_total // 2**20
    return stage.failing(
        f"The machine is out of memory: {left} MB of {total} MB are available"
        f"{', most is used by ' + machine.busiest[0] if machine.busiest else ''}.",
        "End what uses it (ps aux --sort=-rss | head), or keep fewer job processes: "
        "AGENT_IDLE_PROCESSES=0.",
        quote.machine(call.health, f"{left} MB of memory available"),
        quote.busiest(machine),
    )


@stage.cause("process-frozen")
def process_frozen(call: CallView) -> Verdict | None:
    """Stopped by a signal or a debugger: it holds its port, and answers nobody."""
    for process in call.health.processes.values():
        if not process.frozen and process.cause != "frozen":
            continue
        stopped = ", ".join(process.frozen) or f"pid {process.pid}"
        only_launcher = bool(process.frozen) and all(LAUNCHER in text for text in process.frozen)
        return stage.failing(
            f"{title(process)} has no watcher: {stopped} is alive but stopped, and would not start "
            "it again."
            if only_launcher
            else f"{title(process)} is frozen: {stopped} is alive but stopped, and does nothing.",
            f"kill -CONT {_pids(process.frozen) or process.pid} lets it go on; else "
            f"{restart(process.name)}",
            evidence(process),
            *(Evidence(f"stopped: {text}", f"status of {process.name}") for text in process.frozen),
            since=process.since,
        )
    return None


def _pids(frozen: tuple[str, ...]) -> str:
    """The numbers out of `pid 12 (command)`."""
    return " ".join(words[1] for text in frozen if len(words := text.split()) > 1)


@stage.cause("process-hangs")
def process_hangs(call: CallView) -> Verdict | None:
    """It runs, is not stopped, and has not answered its launcher several times in a row."""
    for process in call.health.processes.values():
        unregistered = process.name == "agent" and call.health.registered is False
        if process.cause != "not-ready" or unregistered or process.frozen:
            continue
        if process.answers is True or process.state == "ready" or age(call, process) < HANGS_S:
            continue
        return stage.failing(
            f"{title(process)} runs and does not answer: {detail(process)}.",
            f"{restart(process.name)}; its log may say what it is at: {logs(process.name)}",
            evidence(process),
            since=process.since,
        )
    return None
