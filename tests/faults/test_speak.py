"""Text-to-speech: it fails, stalls, or brings no sound."""

from __future__ import annotations

import pytest

from tests.faults.call import Call
from tests.faults.conftest import NewFault, again
from tests.faults.injected import models_fail
from tests.running_system import System


@pytest.mark.parametrize(
    ("cause", "told", "how"),
    [
        ("tts-fails", "answers 500", {"status": 500}),
        again("tts-fails", "breaks the connection", {"reset": True}),
        ("tts-stalls", "sends no first byte", {"stall_after_bytes": 0}),
        again("tts-stalls", "stops in the middle of a sentence", {"stall_after_bytes": 24_000}),
        ("tts-empty", "sends a sound of no length", {"empty": True}),
        ("tts-silent", "sends nothing but silence", {"silent": True}),
    ],
)
def test_text_to_speech(
    faulty: System, new_fault: NewFault, cause: str, told: str, how: dict[str, object]
) -> None:
    fault = new_fault("speak", cause, f"text-to-speech {told}")
    with Call(faulty) as call:
        call.listening()
        with models_fail(faulty, "speech", **how):
            call.type("who are you")
            fault.breaks()
            fault.named(call.ask)
        call.answered("hello again")
        fault.cleared(call.ask)
