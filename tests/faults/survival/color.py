"""What the callers of these tests talk of: a color to remember, and the question for it."""

from __future__ import annotations

from tests.faults.call import Call
from tests.faults.survival.traces import Before

TOLD = "my favorite color is green"
ASKED = "what is my favorite color"
ANSWER = "green"
TRIES = 3
LONG = "please tell me what you remember about me and about my favorite color"


def tells(call: Call) -> Before:
    """The agent listens, and is told the color; what the call has then."""
    call.listening()
    for _ in range(TRIES):
        call.answered(TOLD, spoken=True)
        if ANSWER in call.caller.turns[-1].heard_text.lower():
            break  # how well speech is understood is not what these tests are about
    return Before(call)


def is_remembered(call: Call) -> None:
    """The agent, asked for the color, says it."""
    call.answered(ASKED, spoken=True)
    reply = call.caller.turns[-1].reply
    assert ANSWER in reply.lower(), f"the color is not in {reply!r}"
