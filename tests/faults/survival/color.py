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
    _says(call, TOLD)
    return Before(call)


def is_remembered(call: Call) -> None:
    """The agent, asked for the color, says it."""
    _says(call, ASKED)
    reply = call.caller.turns[-1].reply
    assert ANSWER in reply.lower(), f"the color is not in {reply!r}"


def _says(call: Call, words: str) -> None:
    """Say it, again when it was misheard, and type it in the end: how well speech is understood is
    tested elsewhere."""
    for _ in range(TRIES):
        call.answered(words, spoken=True)
        if words in call.caller.turns[-1].heard_text.lower():
            return
    call.answered(words)
