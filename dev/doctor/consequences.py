"""Which findings only follow from another one: one wrong setting keeps five programs from starting,
and a program that does not run is missed by all who ask it. The cause stays a failure; what follows
from it is told apart, without a next step of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from common.probe import Finding
from dev.doctor.context import Context
from dev.doctor.report import FOLLOWS, GROUPS
from dev.services import services

MISSED: Mapping[tuple[str, str], str] = {
    ("network", "SFU connection (TCP)"): "livekit",
    ("network", "livekit address"): "livekit",
    ("credentials", "livekit credentials"): "livekit",
    ("credentials", "letta key"): "letta",
    ("models", "speech-to-text"): "models",
    ("models", "text-to-speech"): "models",
    ("models", "chat model"): "models",
    ("models", "embeddings"): "models",
    ("models", "local models"): "models",
    ("worker", "registration"): "agent",
}
"""What is missed when a program of this system does not run."""
NOTHING_RUNS = "nothing runs"
START = "./restart_voice_system.sh"
WAITS = re.compile(r"waits? for (\w+)")
NOBODY = "nothing listens there"
"""How a question ends at a port where nobody listens."""


def apart(findings: Iterable[Finding], checkout: Context) -> list[Finding]:
    """The findings; those that follow from another one stand in a group of their own, at the end,
    and are no failures any more."""
    findings = list(findings)
    down = {
        finding.what: finding.detail
        for finding in findings
        if finding.group == "processes" and finding.state in ("warn", "fail")
        if not finding.detail.startswith(("ready", "monitoring"))
    }
    why = _why_nothing_runs(findings, down, checkout)
    roots = {name: why or _waits_for(detail, down) for name, detail in down.items()}
    shown: list[Finding] = []
    followed: list[Finding] = []
    for finding in findings:
        root = _root(finding, roots)
        if root:
            followed.append(_following(finding, root))
        else:
            shown.append(finding)
    if why == NOTHING_RUNS:
        shown.append(Finding("processes", "system", "fail", "nothing runs", START))
        shown.sort(key=lambda finding: GROUPS.index(finding.group))
    return [*shown, *followed]


def _why_nothing_runs(findings: list[Finding], down: Mapping[str, str], checkout: Context) -> str:
    """The one cause of all that does not run; empty when each has its own."""
    if not down:
        return ""
    if checkout.refusals and any(
        one.group == "settings" and one.state == "fail" for one in findings
    ):
        return "the settings"
    for finding in findings:
        held = finding.group == "ports" and finding.state == "fail"
        if held and finding.what.rpartition(" ")[2] in down:
            return f"port {finding.what.partition(' ')[0]}"
    ours = [name for name in services() if name not in checkout.monitors]
    stopped = all(down.get(name, "").startswith("stopped") for name in ours)
    return NOTHING_RUNS if stopped and len(ours) > 1 else ""


def _waits_for(detail: str, down: Mapping[str, str]) -> str:
    """The program that this one waits for, by its launcher's words."""
    waited = WAITS.search(detail)
    return waited[1] if waited is not None and waited[1] in down else ""


def _root(finding: Finding, roots: Mapping[str, str]) -> str:
    """What this finding follows from; empty when it stands for itself."""
    if finding.group == "processes":
        return roots.get(finding.what, "")
    missed = MISSED.get((finding.group, finding.what), "")
    if missed not in roots or finding.state not in ("warn", "fail"):
        return ""
    elsewhere = finding.group in ("models", "network") and NOBODY not in finding.detail
    return "" if elsewhere else (roots[missed] or missed)


def _following(finding: Finding, root: str) -> Finding:
    what = finding.what if finding.group != "processes" else f"{finding.what} does not run"
    return replace(
        finding, group=FOLLOWS, what=what, state="skip", detail=f"from {root}: {finding.detail}"
    )
