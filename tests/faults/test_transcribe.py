"""Speech-to-text: it fails, stalls, or hears nothing in speech."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.faults.call import Call
from tests.faults.conftest import NewFault, again
from tests.faults.injected import models_fail
from tests.running_system import System

SENTENCE = "my favorite color is green"


def test_speech_to_text_refuses(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("transcribe", "stt-fails", "speech-to-text answers 500 to its connection")
    with ExitStack() as exits:
        refusing = exits.enter_context(ExitStack())
        refusing.enter_context(models_fail(faulty, "stream", status=500))
        call = exits.enter_context(Call(faulty))
        fault.breaks()
        verdict = fault.named(call.ask)
        assert "500" in str(verdict["evidence"]), verdict
        refusing.close()
        call.listening()
        call.answered_soon(SENTENCE)
        fault.cleared(call.ask)


@pytest.mark.parametrize(
    ("cause", "told", "how"),
    [
        again("stt-fails", "breaks the connection at the end of a sentence", {"reset": True}),
        ("stt-stalls", "never answers with the text of a sentence", {"stall_after_bytes": 0}),
        ("stt-hears-nothing", "finds no words in a sentence", {"deaf": True}),
    ],
)
def test_speech_to_text_fails_at_a_sentence(
    faulty: System, new_fault: NewFault, cause: str, told: str, how: dict[str, object]
) -> None:
    fault = new_fault("transcribe", cause, f"speech-to-text {told}")
    with Call(faulty) as call:
        call.listening()
        with models_fail(faulty, "stream", **how):
            call.say(SENTENCE)
            fault.breaks()
            fault.named(call.ask)
        call.answered_soon(SENTENCE)
        fault.cleared(call.ask)
