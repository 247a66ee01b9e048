"""The stage: what its causes share, and how the system stands when none of them applies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules, seconds
from proxy.verdicts.system_health import ProbeResult, Process
from proxy.verdicts.verdict import UNKNOWN, Evidence, Verdict

STATUS = "./restart_voice_system.sh status"
ON_THE_WAY = ("preparing", "starting", "restarting")
TITLES = {
    "livekit": "livekit-server",
    "models": "The models server",
    "letta": "Letta",
    "agent": "The worker",
    "proxy": "The proxy",
}
STARTS = {"livekit": 1.0, "models": 3.0, "letta": 6.0, "agent": 5.0, "proxy": 2.0}
"""Seconds that each usually takes to start."""
GONE_S, NOTICED_S = 1.0, 2.0
PATIENCE = {"livekit": 8.0, "models": 12.0, "letta": 60.0, "agent": 45.0, "proxy": 15.0}
"""Seconds after which a start counts as failed."""

stage = Rules("system", works=(), log="proxy")


def restart(name: str) -> str:
    return f"./restart_voice_system.sh {name}"


def logs(name: str) -> str:
    return f"./restart_voice_system.sh logs {name}"


def with_hint(probe: ProbeResult, step: str) -> str:
    """The next step, behind what the key that was shown looks like."""
    return f"{probe.hint[:1].upper()}{probe.hint[1:]}. {step}" if probe.hint else step


def title(process: Process) -> str:
    """What people call it, at the head of a sentence."""
    return TITLES.get(process.name, process.name)


def detail(process: Process) -> str:
    """What its launcher says of it, without the final stop."""
    return process.detail.rstrip(".")


def evidence(process: Process) -> Iterator[Evidence]:
    """What its launcher says of it, and the lines of its log that tell."""
    yield quote.process(process)
    yield from quote.log_lines(process)


def with_cause(call: CallView, *causes: str) -> Process | None:
    """The first process of which its launcher says one of these codes, and that is not well."""
    for process in call.health.processes.values():
        if process.cause in causes and process.state != "ready":
            return process
    return None


def is_down(call: CallView, process: Process) -> bool:
    """Whether a process of this machine is not there, and not on its way either."""
    if process.state == "failed" or (process.cause == "crash-loop" and process.state != "ready"):
        return True
    if process.state == "stopped":
        return age(call, process) >= GONE_S or process.since is None
    # Its launcher notices within a second, unless it is stopped or gone itself.
    ended = process.state == "restarting" and process.detail.endswith("has just ended")
    return ended and age(call, process) >= NOTICED_S


def age(call: CallView, process: Process) -> float:
    """Seconds for which a process has been in its state."""
    return 0.0 if process.since is None else max(0.0, call.health_now - process.since)


def is_starting(process: Process | None) -> bool:
    return process is not None and process.state in ON_THE_WAY


@stage.proof
def proof(call: CallView) -> Verdict:
    processes = call.health.processes.values()
    if not processes:
        return stage.not_seen("Nothing is known of the processes yet.")
    for process in processes:
        late = age(call, process) >= PATIENCE.get(process.name, 20.0)
        if process.state in ("failed", "stopped") or (process.state == "starting" and late):
            return _unwell(process)
    for process in processes:
        if is_starting(process):
            return _on_its_way(process)
    for process in processes:
        if process.answers is False and process.state == "ready":
            # It runs: it is busy for a moment, or it hangs.
            sentence = f"{title(process)} did not answer just now: {detail(process)}."
            return stage.waiting(sentence, evidence(process), since=process.since)
    return stage.ok("Every process is ready.", map(quote.process, processes))


def _on_its_way(process: Process) -> Verdict:
    usual = seconds(STARTS.get(process.name, 5.0) * 1000)
    if process.state == "preparing":
        sentence = f"{title(process)} is being prepared: {detail(process) or 'no detail yet'}."
    elif process.cause in ("killed", "crashed"):
        sentence = f"{title(process)} is starting again, usually in {usual}: {detail(process)}."
    else:
        sentence = f"{title(process)} is starting (usually {usual}): {detail(process)}."
    return stage.waiting(sentence, evidence(process), since=process.since)


def _unwell(process: Process) -> Verdict:
    verdict = stage.failing(
        f"{title(process)} is {process.state}: {detail(process) or 'it says no more'}. The cause "
        "is not known.",
        f"{restart(process.name)}; its log: {logs(process.name)}; {STATUS}",
        evidence(process),
        since=process.since,
    )
    return replace(verdict, cause=UNKNOWN)
