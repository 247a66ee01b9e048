"""What a caller says while the agent speaks: does it stop the agent?

"mm-hmm" and "right" tell a speaker to go on; a cough has no words at all. Everything else is meant
to interrupt: it does so as soon as its words are known, or after INTERRUPTION_MIN_DURATION of
speech, whatever is said. Nobody encourages a speaker who has hardly begun: whoever speaks then goes
on with a turn that was not over. English only; in other languages everything interrupts.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from livekit.agents.vad import VADEvent

from agent.speech.reports import Reports

# Sounds that are never an answer …
SOUNDS = frozenset(
    """
    mm mmm mmmm hm hmm hmmm mhm mmhm mmhmm uhhuh uh huh ah aha oh ooh wow um
    """.split()  # noqa: SIM905
)
# … and words that can be one, where the agent has just asked something.
WORDS = frozenset(
    """
    yes yeah yep yup ya okay ok right sure alright exactly true indeed absolutely definitely
    totally great good nice cool fine interesting really correct certainly
    """.split()  # noqa: SIM905
)
PHRASES = frozenset(
    ["i see", "got it", "of course", "all right", "that's right", "makes sense", "go on", "i know"]
)
MOST_WORDS = 3
HARDLY_BEGUN = 0.7  # seconds of the agent's speech
GOES_ON = 0.15  # seconds of the caller's speech that stop it then
ANSWERS = 1.0  # seconds: a "yes" so shortly before the agent ends is an answer


def is_backchannel(text: str) -> bool:
    """Whether it only says that one listens."""
    words = _words(text)
    return bool(words) and (
        " ".join(words) in PHRASES
        or (len(words) <= MOST_WORDS and all(word in SOUNDS | WORDS for word in words))
    )


def is_sound(text: str) -> bool:
    """Whether it is a sound of listening, and no word."""
    words = _words(text)
    return bool(words) and len(words) <= MOST_WORDS and all(word in SOUNDS for word in words)


def _words(text: str) -> list[str]:
    if text.rstrip().endswith("?"):
        return []  # "Right?" and "Really?" want an answer
    return re.findall(
        r"[\w']+", text.lower().replace("-", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    )


class Overlap:
    """Decides for one call. The session says what agent and caller do."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self.agent_state = "initializing"
        self._speaks_since = 0.0
        self.caller_is_silent = asyncio.Event()
        self.caller_is_silent.set()
        self.interrupt: Callable[[], None] = lambda: None
        self._held: tuple[str, float, Callable[[str], None]] | None = None

    @property
    def agent_speaks(self) -> bool:
        return self.agent_state == "speaking"

    def speech(self, event: VADEvent) -> None:
        """What the detector says."""
        goes_on = event.speaking and event.speech_duration >= GOES_ON
        begun = time.monotonic() - self._speaks_since
        if self.agent_speaks and goes_on and begun - event.speech_duration < HARDLY_BEGUN:
            self.interrupt()

    def hears(self, text: str) -> None:
        """Words of an utterance that goes on."""
        if self.agent_speaks and text and not is_backchannel(text):
            self.interrupt()

    def passes(self, text: str, later: Callable[[str], None]) -> bool:
        """Whether the text of an utterance is meant for the agent.

        A "yes" with which the agent's speech ends is given to `later` when it has ended.
        """
        self._held = None
        if not is_backchannel(text):
            return True
        if self.agent_speaks and not is_sound(text):
            self._held = (text, time.monotonic(), later)
        elif not (self.agent_state in ("speaking", "thinking") and is_sound(text)):
            return True
        self._reports.emit("transcribe", "backchannel", text=text)
        return False

    def agent_is(self, state: str) -> None:
        """The state of the agent has changed."""
        if state == "speaking" and not self.agent_speaks:
            self._speaks_since = time.monotonic()
        self.agent_state = state
        if state == "listening" and self._held is not None:
            text, at, later = self._held
            self._held = None
            if time.monotonic() - at < ANSWERS:
                later(text)
