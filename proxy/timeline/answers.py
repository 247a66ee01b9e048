"""Verdicts as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.events import STAGES, Stage
from proxy.endpoint import Answer
from proxy.verdicts.judge import failing
from proxy.verdicts.verdict import Verdict


class EvidenceAnswer(BaseModel):
    """What proves a verdict, quoted."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    source: str
    at: float | None
    seq: int | None


class VerdictAnswer(BaseModel):
    """How one stage stands, why, and what to do."""

    model_config = ConfigDict(from_attributes=True)

    stage: Stage
    state: Literal["ok", "waiting", "failing", "not reached"]
    cause: str = Field(description="A code such as microphone-denied; empty when there is none.")
    sentence: str
    next: str
    evidence: list[EvidenceAnswer]
    since: float | None = Field(description="Seconds since the epoch.")
    ms: float | None = Field(description="How long the stage took the last time.")
    usual_ms: float | None


class VerdictsAnswer(Answer):
    """The twelve stages in order; `failing` names the one that fails."""

    room: str | None
    call: str | None = Field(description="The call that is judged; null without one.")
    now: float
    failing: Stage | None
    verdicts: list[VerdictAnswer]


def verdicts_answer(
    room: str | None, call: str | None, now: float, verdicts: Mapping[Stage, Verdict]
) -> VerdictsAnswer:
    """`verdicts` of `call` in `room`, as answered and streamed."""
    return VerdictsAnswer(
        room=room,
        call=call,
        now=now,
        failing=failing(dict(verdicts)),
        verdicts=[VerdictAnswer.model_validate(verdicts[stage]) for stage in STAGES],
    )


def stored(verdicts: Mapping[Stage, Verdict]) -> list[dict[str, Any]]:
    """`verdicts` as they are kept with a call that has ended."""
    return [asdict(verdicts[stage]) for stage in STAGES]
