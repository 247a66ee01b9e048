"""What a caller says while the agent speaks: does it stop the agent?

"mm-hmm" and "right" tell a speaker to go on; a cough has no words at all. Everything else is meant
to interrupt: it does so as soon as its words are known, or after INTERRUPTION_MIN_DURATION of
speech whose words are not. Nobody encourages a speaker who has hardly begun: whoever speaks then
goes on with a turn that was not over. English only; in other languages everything interrupts.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from livekit.agents.vad import VADEvent, VADEventType

from agent.speech.reports import Reports

# Sounds that are never an answer, however they are written (speech-to-text writes "M-H-M") …
SOUND = re.compile(r"[aeou]?[mh][mhns]*|uhhuh|huh|aha|ooh|wow")
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
# Words with which people take the turn: enough to stop for, even if no more is known yet.
TAKES_TURN = frozenset(
    """
    stop wait no hold hang enough sorry excuse thank thanks but actually please listen hey hello let
    what who whom whose why how when where which can could would will do did does is are
    """.split()  # noqa: SIM905
)
SURE_WORDS = 3  # so many are no backchannel that was misheard
# What Whisper makes of sounds that are no words ("All right." of "uh-huh", "in a month." of
# "mm-hmm"); of words it is surer. Of what is short, such a text may be nothing.
UNCLEAR, NO_WORD, SHORT = -1.0, 0.13, 0.8
UNCLEAR_S = 0.3  # seconds of speech more that it is worth: a word that is cut is unclear too
LONGEST_BACKCHANNEL = 2.0  # seconds of speech; LiveKit then stops the agent, whatever is said
WORDS_A_SECOND, WORDS_AT_ONCE = 5.0, 1.0  # nobody says more: the sound had other words, or none
HARDLY_BEGUN = 0.7  # seconds of the agent's speech
GOES_ON = 0.15  # seconds of the caller's speech that stop it then
ANSWERS = 1.0  # seconds: a "yes" so shortly before the agent ends is an answer


class Sureness(NamedTuple):
    """Of a text: log probability of a token, and whether there is no speech at all, 0 to 1."""

    log_probability: float = 0.0
    no_speech: float = 0.0

    @property
    def is_unclear(self) -> bool:
        return self.log_probability < UNCLEAR

    @property
    def is_no_word(self) -> bool:
        return self.is_unclear and self.no_speech > NO_WORD


SURE = Sureness()


def is_backchannel(text: str) -> bool:
    """Whether it only says that one listens."""
    words = _words(text)
    return bool(words) and (
        " ".join(words) in PHRASES
        or (
            len(words) <= MOST_WORDS
            and all(word in WORDS or SOUND.fullmatch(word) for word in words)
        )
    )


def is_sound(text: str) -> bool:
    """Whether it is a sound of listening, and no word."""
    words = _words(text)
    return bool(words) and len(words) <= MOST_WORDS and all(map(SOUND.fullmatch, words))


def takes_turn(text: str, sureness: Sureness = SURE) -> bool:
    """Whether the first words of an utterance can be nothing else."""
    words = re.findall(r"[\w']+", text.lower())
    many = len(words) >= SURE_WORDS and not sureness.is_unclear
    return (bool(words) and words[0] in TAKES_TURN) or many


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
        self.interrupt_after = 1.0  # seconds of speech
        self._patience = 0.0  # seconds of speech more, by the words that are known
        self._held: tuple[str, float, Callable[[str], None]] | None = None

    @property
    def agent_speaks(self) -> bool:
        return self.agent_state == "speaking"

    def speech(self, event: VADEvent) -> None:
        """What the detector says."""
        if event.type == VADEventType.START_OF_SPEECH:
            self._patience = 0.0
        if not (self.agent_speaks and event.speaking):
            return
        begun = time.monotonic() - self._speaks_since - event.speech_duration
        goes_on = event.speech_duration >= GOES_ON and begun < HARDLY_BEGUN
        if goes_on or event.speech_duration >= self.interrupt_after + self._patience:
            self.interrupt()

    def hears(self, text: str, sureness: Sureness = SURE) -> None:
        """Words of an utterance that goes on."""
        takes = takes_turn(text, sureness)
        listens = is_backchannel(text)
        self._patience = LONGEST_BACKCHANNEL if listens else UNCLEAR_S * sureness.is_no_word
        if self.agent_speaks and takes and not listens:
            self.interrupt()

    def passes(
        self,
        text: str,
        seconds: float,
        later: Callable[[str], None],
        sureness: Sureness = SURE,
    ) -> bool:
        """Whether the text of an utterance of so many seconds of speech is meant for the agent.

        A "yes" with which the agent's speech ends is given to `later` when it has ended.
        """
        self._held = None
        impossible = len(text.split()) > WORDS_AT_ONCE + WORDS_A_SECOND * seconds
        nothing = sureness.is_no_word and seconds <= SHORT and not takes_turn(text, sureness)
        if not is_backchannel(text) and not (self.agent_speaks and (impossible or nothing)):
            return True
        if self.agent_speaks and not is_sound(text) and not impossible:
            self._held = (text, time.monotonic(), later)
        elif not self.agent_speaks and not (self.agent_state == "thinking" and is_sound(text)):
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
