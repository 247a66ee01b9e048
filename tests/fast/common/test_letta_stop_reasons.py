"""Every reason for which Letta ends a turn has its sentence, its next step, and what is said."""

from __future__ import annotations

import typing

import pytest
from letta_client.types.stop_reason_type import StopReasonType

from agent.letta.excuses import CANNOT_REACH, EXCUSES, excuse
from common.letta.errors import (
    CANCELLED,
    COMPLETE,
    MEMORY_TOO_LARGE,
    STOP_REASONS,
    model_error,
    stopped_early,
    too_large,
)

FAILED = sorted(STOP_REASONS.keys() - {*COMPLETE, CANCELLED})


def test_the_table_has_every_reason_that_letta_knows() -> None:
    assert set(typing.get_args(StopReasonType)) <= STOP_REASONS.keys()


@pytest.mark.parametrize("reason", FAILED)
def test_what_leaves_no_reply_says_what_to_do(reason: str) -> None:
    error = stopped_early(reason)
    sentence, next_step = STOP_REASONS[reason]
    assert sentence in error.message and next_step and error.next_step == next_step
    assert excuse(error) and (reason == "error" or excuse(error) != CANNOT_REACH)


def test_a_reason_that_is_new_is_named() -> None:
    assert "tired" in stopped_early("tired").message


def test_which_tool_waits_for_an_approval_is_said() -> None:
    error = stopped_early("requires_approval", ("send_email",))
    assert "send_email" in error.message and "approval" in excuse(error)


def test_a_memory_that_is_too_large_is_said_with_its_numbers() -> None:
    told = "The system prompt has 41200 tokens, which exceeds the context window of 32000 tokens"
    for error in (too_large(told), model_error("llm_error", told)):
        assert error is not None and error.code == MEMORY_TOO_LARGE
        assert "41200" in error.message and "32000" in error.message
        assert "shorten the memory blocks" in error.next_step
        assert excuse(error) == EXCUSES[MEMORY_TOO_LARGE]
    assert too_large("the context window is 32000 tokens") is None
