"""What refuses or is short: providers, the calls database, the CPU, and processes' own figures."""

from __future__ import annotations

from collections.abc import Iterator

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import logs, restart, stage, title, with_hint
from proxy.verdicts.system_health import ProbeResult, Process, VitalsSnapshot
from proxy.verdicts.verdict import Evidence, Verdict

PARTS = {
    "speech-to-text": ("transcribe.error", ("transcribe.transcript",)),
    "text-to-speech": ("speak.error", ("speak.first_byte",)),
    "chat model": ("think.error", ("think.first_token", "think.done")),
}
"""For each probe, the event by which a call tells of an error, and those that show it works."""
RETRIED_S = 2.0
"""Seconds an error that is tried again may take to mend."""
CPU_BUSY = 0.97
STANDS_S = 10.0
"""What has not gone on for so long stands still; what lacks CPU goes on, slowly."""
MOST_ERRORS = 10
LATE_S = 1.0


@stage.cause("provider-key-rejected")
def key_rejected(call: CallView) -> Verdict | None:
    for part in PARTS:
        probe = call.probe(part)
        error = _error(call, part, "rejected", (401, 403), "llm_authentication")
        step = _key_step(call, part)
        if probe is not None and probe.problem in ("rejected", "missing"):
            return stage.failing(
                f"The provider of {part} ({probe.target}) rejects the key "
                f"({probe.status or probe.detail}).",
                with_hint(probe, step),
                quote.probe(probe),
                error,
                since=probe.at,
            )
        if error is not None and not _well_since(error, probe):
            return stage.failing(
                f"The provider of {part} rejects the key: {error.data.get('message')}.",
                step,
                error,
                since=error.at,
            )
    return None


@stage.cause("provider-rate-limited")
def rate_limited(call: CallView) -> Verdict | None:
    step = (
        "Wait a minute; then hold fewer calls at once, or raise the limit with the provider (its "
        "console shows it)."
    )
    for part in PARTS:
        probe = call.probe(part)
        error = _error(call, part, "rate-limited", (429,), "llm_rate_limit")
        if error is not None and not _well_since(error, probe):
            if error.data.get("recoverable") is True and call.age(error) < RETRIED_S:
                continue
            return stage.failing(
                f"The provider of {part} limits the rate of requests: {error.data.get('message')}.",
                step,
                error,
                since=error.at,
            )
        if probe is not None and probe.problem == "rate-limited":
            return stage.failing(
                f"The provider of {part} ({probe.target}) limits the rate of requests "
                f"({probe.status or 429}).",
                step,
                quote.probe(probe),
                since=probe.at,
            )
    return None


def _error(
    call: CallView, part: str, kind: str, statuses: tuple[int, ...], code: str
) -> Event | None:
    """The last error of that part, when it is of this kind and nothing has worked since."""
    topic, works = PARTS[part]
    error = call.last(topic)
    if error is None or call.after(error, *works) is not None:
        return None
    data = error.data
    if part == "chat model" and data.get("code") == "letta_unauthorized":
        return None  # that key is Letta's
    fits = data.get("kind") == kind or data.get("status") in statuses or data.get("code") == code
    return error if fits else None


def _well_since(error: Event, probe: ProbeResult | None) -> bool:
    """Whether the provider was asked after the error, and all was well."""
    return probe is not None and probe.ok and probe.at is not None and probe.at > error.at + 1.0


def _key_step(call: CallView, part: str) -> str:
    if not call.is_ours:
        return f"Give its worker a valid key for its {part}, and restart it."
    if part == "chat model":
        step = "Give Letta a valid key for the model of this agent (its provider settings)."
    else:
        step = "Set OPENAI_API_KEY (or the key of the provider you chose) in .env to a valid one."
    return f"{step} Then ./restart_voice_system.sh agent"


@stage.cause("calls-db-not-writable")
def database_not_writable(call: CallView) -> Verdict | None:
    probe = call.probe("calls database")
    if probe is None or probe.ok:
        return None
    return stage.failing(
        f"The calls database at {probe.target or 'DATABASE_URL'} cannot be written "
        f"({probe.problem}: {probe.detail.rstrip('.')}). Calls go on; what happens in them is kept "
        "in memory and stored later.",
        "Give the proxy's user write permission on the file and its folder, end what locks it, or "
        "set DATABASE_URL to another place; then ./restart_voice_system.sh proxy",
        quote.probe(probe),
        since=probe.at,
    )


@stage.cause("machine-out-of-cpu")
def out_of_cpu(call: CallView) -> Verdict | None:
    """The CPU is to blame only when something takes too long."""
    machine = call.machine
    if machine is None or machine.cpu < CPU_BUSY or call.ended is not None or not len(call.history):
        return None
    busy = f"its {machine.cores} cores are {machine.cpu:.0%} busy"
    figure = quote.machine(call.health, f"CPU {machine.cpu:.0%} busy")
    slow = next((verdict for verdict in call.late if not _stands_still(call, verdict)), None)
    if slow is None:
        return stage.waiting(
            f"The machine has no CPU to spare: {busy}. The call goes on, but everything in it may "
            "take longer.",
            figure,
            quote.busiest(machine),
            next="End other programs (top shows them).",
        )
    return stage.failing(
        f"The machine is out of CPU: {busy}, and {slow.stage} takes too long: {slow.sentence}",
        "End other programs (top shows them), hold fewer calls at once, or give the machine more "
        "cores.",
        figure,
        quote.busiest(machine),
        slow.evidence,
        since=slow.since,
    )


def _stands_still(call: CallView, late: Verdict) -> bool:
    return late.since is not None and call.now - late.since >= STANDS_S


@stage.cause("reply-late-for-cpu")
def reply_late(call: CallView) -> Verdict | None:
    """The worker saw it: a caller waited for a reply while all cores were busy."""
    late = call.last("job.out_of_cpu")
    if late is None:
        return None
    data = late.data
    sentence = (
        f"The machine was out of CPU ({data.get('cores')} cores, {data.get('cpu', 0):.0%} busy): "
        f"a caller waited {data.get('waited')} s for a reply and was told so."
    )
    step = "End other programs (top shows them), hold fewer calls at once, or give it more cores."
    heard = call.last("play.speaking", "play.turn")
    if heard is not None and heard.at > late.at:
        return stage.ok(sentence, late, next=step, since=late.at)
    return stage.failing(sentence, step, late, since=late.at)


@stage.cause("memory-over-limit")
def memory_over_limit(call: CallView) -> Verdict | None:
    """The worker, or the process of a call, has grown over AGENT_MEMORY_LIMIT_MB."""
    for process, vitals in _all_vitals(call):
        memory, limit = vitals.memory_mb, vitals.memory_limit_mb
        if memory is None or limit is None or memory <= limit:
            continue
        if vitals is process.vitals[0]:
            subject, then = title(process), "it is replaced between two calls"
        else:
            where = f" of room {vitals.room}" if vitals.room else ""
            subject, then = f"The job process{where} (pid {vitals.pid})", "it ends with its call"
        return stage.ok(
            f"{subject} has {memory} MB of memory, more than AGENT_MEMORY_LIMIT_MB ({limit}): "
            f"{then}.",
            Evidence(f"pid {vitals.pid}: {memory} MB of memory", f"status of {process.name}"),
            next=f"When it has so much with each call, raise AGENT_MEMORY_LIMIT_MB, then "
            f"{restart(process.name)}",
        )
    return None


def _all_vitals(call: CallView) -> Iterator[tuple[Process, VitalsSnapshot]]:
    for process in call.health.processes.values():
        for vitals in process.vitals:
            yield process, vitals


@stage.cause("loop-lag")
def loop_lag(call: CallView) -> Verdict | None:
    """Something in a process holds up everything else in it; of a job process `job` says so."""
    for process in call.health.processes.values():
        lag = process.vitals[0].lag if process.vitals else None
        if lag is not None and lag >= LATE_S:
            return stage.ok(
                f"{title(process)} stood still for {lag:.1f} s just now: something in it, or the "
                "machine, held up its event loop.",
                Evidence(f"event loop late by {lag:.2f} s", f"status of {process.name}"),
                next="Is the machine busy (top)? Else its log may say at what: "
                f"{logs(process.name)}",
            )
    return None


@stage.cause("many-errors")
def many_errors(call: CallView) -> Verdict | None:
    for process in call.health.processes.values():
        errors = process.vitals[0].errors if process.vitals else None
        if errors is not None and errors > MOST_ERRORS:
            return stage.ok(
                f"{title(process)} has logged {errors} errors within ten minutes.",
                Evidence(f"{errors} errors within ten minutes", f"status of {process.name}"),
                next=f"Read them: {logs(process.name)}",
            )
    return None
