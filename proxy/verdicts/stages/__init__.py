"""The rules of every stage: a file, or a folder, is one stage."""

from __future__ import annotations

from common.events import Stage
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules
from proxy.verdicts.stages import (
    dispatch,
    hear,
    job,
    join,
    language_model,
    media,
    play,
    signal,
    speak,
    system,
    think,
    token,
    transcribe,
)

RULES: dict[Stage, Rules] = {
    rules.stage: rules
    for rules in (
        system.stage,
        token.stage,
        signal.stage,
        media.stage,
        dispatch.stage,
        job.stage,
        join.stage,
        hear.stage,
        transcribe.stage,
        think.stage,
        speak.stage,
        play.stage,
    )
}

OF_ANOTHER_AGENT: dict[Stage, Rules] = {"think": language_model.stage}
"""Stages that are judged by other rules where the agent of the call is not our worker."""


def rules_of(call: CallView) -> dict[Stage, Rules]:
    """The rules that fit the agent of this call."""
    return RULES if call.is_ours else RULES | OF_ANOTHER_AGENT
