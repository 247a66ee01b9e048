"""The judge: from events, health and the time to one verdict a stage. Pure, and quick."""

from __future__ import annotations

from dataclasses import replace

from common.events import STAGES, Stage
from proxy.verdicts.call_view import CallView
from proxy.verdicts.history import History
from proxy.verdicts.rules import Late
from proxy.verdicts.stages import rules_of
from proxy.verdicts.system_health import SystemHealth
from proxy.verdicts.verdict import Verdict

BEHIND = ("failing", "waiting", "not seen yet", "not told")
"""What says no more than that an earlier stage fails."""


def judge(history: History, health: SystemHealth, now: float) -> dict[Stage, Verdict]:
    """One verdict for each stage, in the order of the stages."""
    call = CallView(history, health, now)
    rules = rules_of(call)
    judged: dict[Stage, Verdict] = {
        stage: rules[stage].judge(call) for stage in STAGES if stage != "system"
    }
    call.late = tuple(verdict for verdict in judged.values() if isinstance(verdict, Late))
    judged["system"] = rules["system"].judge(call)
    return _in_order(judged, call)


def failing(verdicts: dict[Stage, Verdict]) -> Stage | None:
    """The stage that fails; None when none does."""
    return next((stage for stage in STAGES if verdicts[stage].state == "failing"), None)


def _in_order(judged: dict[Stage, Verdict], call: CallView) -> dict[Stage, Verdict]:
    """Only the earliest failure is one; what comes behind it was not reached, unless it works."""
    failed: Stage | None = None
    verdicts: dict[Stage, Verdict] = {}
    for stage in STAGES:
        verdict = judged[stage]
        if failed is not None and verdict.state in BEHIND:
            verdict = _stopped(verdict, f"Stopped at {failed}.")
        elif verdict.state == "failing":
            failed = stage
        elif verdict.state == "waiting" and call.ended is not None and stage != "system":
            verdict = _stopped(verdict, "The call ended before.")
        verdicts[stage] = verdict
    return verdicts


def _stopped(verdict: Verdict, sentence: str) -> Verdict:
    return replace(verdict, state="not reached", sentence=sentence, cause="", next="", since=None)
