"""The models fail during a call: of one request nobody notices, of all it is said in words."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from dev.caller import Turn
from tests.faults.call import Call
from tests.faults.injected import models_fail
from tests.faults.processes import kill
from tests.faults.survival.color import ANSWER, ASKED, TOLD, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.survival import BUSY_FACTOR
from tests.running_system import System

CANNOT_HEAR = "cannot hear you"
CANNOT_THINK = "cannot think"
TOO_LONG = "takes too long"
NO_ANSWER = "no answer to that"
USUAL_S = 4.0
"""Within which a turn is answered, or fails, that has to wait for nothing."""
RECOVERED_S = 10.0
NAMES = {"stream": "speech-to-text", "speech": "text-to-speech", "chat": "Letta's model"}


@dataclass(frozen=True)
class Fault:
    """How an endpoint fails, and what becomes of a turn that it befalls.

    `once_s`, `always_s`: seconds within which the caller hears something when it befalls one
    request, and all of them. `excuse`: what is then said in place of a reply; empty: nothing has to
    be, for it is only late. `patient`: it is not asked again while it may still answer.
    """

    endpoint: str
    what: str
    how: tuple[dict[str, Any], ...]
    excuse: str = ""
    once_s: float = USUAL_S
    always_s: float = USUAL_S
    patient: bool = False

    @property
    def name(self) -> str:
        return f"{NAMES[self.endpoint]}: {self.what}"


RESET, EMPTY, ERROR = {"reset": True}, {"empty": True}, {"status": 500}
LATE = {"delay_s": 5.0}
STALL = 6.0  # seconds of silence from speech-to-text or text-to-speech

FAULTS = (
    # A conversation with speech-to-text is open: errors befall what would take its place.
    Fault("stream", "errors", (RESET, ERROR), CANNOT_HEAR, always_s=3 + USUAL_S),
    Fault("stream", "5 s late", (LATE,), once_s=5 + USUAL_S, always_s=5 + USUAL_S),
    Fault(
        "stream",
        "stall",
        ({"stall_after_bytes": 0},),
        CANNOT_HEAR,
        once_s=STALL + USUAL_S,
        always_s=STALL + 5 + USUAL_S,
    ),
    Fault("stream", "empty", (EMPTY,), CANNOT_HEAR),
    Fault("stream", "reset", (RESET,), CANNOT_HEAR),
    Fault("speech", "errors", (ERROR,)),
    Fault("speech", "5 s late", (LATE,), once_s=5 + USUAL_S, always_s=5 + USUAL_S),
    Fault(
        "speech",
        "stall in a sentence",
        ({"stall_after_bytes": 24_000},),
        once_s=STALL + USUAL_S,
        always_s=2 * STALL + USUAL_S,
    ),
    Fault("speech", "empty", (EMPTY,)),
    Fault("speech", "reset", (RESET,)),
    Fault("chat", "errors", (ERROR,), CANNOT_THINK),
    Fault("chat", "5 s late", (LATE,), once_s=5 + USUAL_S, always_s=5 + USUAL_S),
    Fault(
        "chat",
        "stall in a sentence",
        ({"stall_after_bytes": 400},),
        TOO_LONG,
        once_s=20 + USUAL_S,
        always_s=20 + USUAL_S,
        patient=True,
    ),
    Fault("chat", "empty", (EMPTY,), NO_ANSWER),
    Fault("chat", "reset", (RESET,), CANNOT_THINK),
)


# In the short form each of them fails in tests/faults (test_transcribe, test_speak, test_think);
# what the caller hears then is a matter of the agent's own tests.
@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_models(faulty: System, new_survival: NewSurvival, fault: Fault) -> None:
    with Call(faulty) as call:
        call.listening()
        once = new_survival(f"{fault.name}, of one request", fault.once_s)
        with failing(faulty, fault, times=1):
            turn = call.turn(TOLD, within_s=fault.once_s * BUSY_FACTOR)
        assert turn.first_sound_s is not None, f"silence: {turn.problem}"
        once.took(turn.first_sound_s)
        if fault.patient:
            once.lost(f"the reply: “{turn.reply}”")
            assert fault.excuse in turn.reply, turn
        else:
            assert ANSWER in turn.reply.lower(), turn
        once.survived()

        always = new_survival(f"{fault.name}, of all requests", RECOVERED_S)
        with failing(faulty, fault):
            befallen = call.turn(ASKED, within_s=fault.always_s * BUSY_FACTOR)
            call.quiet()
        gone_at = time.monotonic()
        turn = call.turn(ASKED, within_s=RECOVERED_S * BUSY_FACTOR)
        assert turn.first_sound_s is not None, f"silence: {turn.problem}"
        always.took(time.monotonic() - gone_at - (turn.reply_s or 0))
        assert ANSWER in turn.reply.lower(), turn
        always.lost(what_became_of(befallen, fault))
        always.survived()


def failing(system: System, fault: Fault, **bounds: int) -> ExitStack:
    """The endpoint fails, as long as this is open."""
    with ExitStack() as stack:
        for how in fault.how:
            stack.enter_context(models_fail(system, fault.endpoint, **how, **bounds))
        return stack.pop_all()


def what_became_of(turn: Turn, fault: Fault) -> str:
    """What the caller lost with a turn that nothing could save; AssertionError: all of it."""
    late = turn.first_sound_s
    if fault.excuse:
        assert late is not None and fault.excuse in turn.reply, f"silence: {turn}"
        return f"that turn, excused after {late:.1f} s: “{turn.reply}”"
    assert ANSWER in turn.reply.lower(), f"nothing to read: {turn}"
    if fault.endpoint == "speech" and fault.how != (LATE,):
        return "the voice: that reply could only be read"
    assert late is not None, f"silence: {turn}"
    return f"time: that turn was answered after {late:.1f} s"


def test_the_models_server_is_killed(faulty: System, new_survival: NewSurvival, times: int) -> None:
    survival = new_survival("models server killed (-9) while the caller speaks", RECOVERED_S)
    for _ in range(times):
        with Call(faulty) as call:
            tells(call)
            turn = call.begin_to_say(ASKED)
            kill(faulty, "models")
            with survival.recovering():
                said = turn.result()
                if ANSWER not in said.reply.lower():
                    assert said.reply, f"silence: {said.problem}"
                    survival.lost(f"the sentence being spoken: “{said.reply}”")
                    call.answered_soon(ASKED, tries=8)
            call.quiet()
            is_remembered(call)
    survival.survived()
