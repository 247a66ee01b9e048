"""What the caller said and no text has come of yet: kept, so that it can be sent once more."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

BYTES_A_SECOND = 32_000
MOST_BYTES = 60 * BYTES_A_SECOND  # of one utterance; beyond, its beginning is forgotten
MOST_WORDS_OF_NOISE = 1  # that may be guessed, and be withdrawn when the utterance is over


class PendingUtterance:
    """`begun`, `given` and `requested_at`: what the connection of this moment has had of it."""

    def __init__(self, *, alone: bool = False) -> None:
        self.alone = alone  # what was said before does not help to understand it
        self.audio = bytearray()
        self.seconds = 0.0
        self.ended_at: float | None = None
        self.guessed = ""  # its words so far, as the server takes them
        self.ask = ""  # the message that asks for its text so far, worth nothing once it is old
        self.tries = 0  # that failed
        self.again()

    def again(self) -> None:
        """Another connection shall hear it from its start."""
        self.begun = False
        self.given = 0
        self.requested_at: float | None = None

    def hear(self, pcm: bytes, seconds: float) -> None:
        self.audio += pcm
        self.seconds += seconds
        if (over := len(self.audio) - MOST_BYTES) > 0:
            del self.audio[:over]
            self.given = max(0, self.given - over)

    def cut(self) -> None:
        """The server has ended it for its length: what it was given has its text."""
        del self.audio[: self.given]
        self.given = 0
        self.guessed = ""

    def lacks_words(self, text: str) -> bool:
        """Whether `text` is empty, though words were recognised that can hardly be noise."""
        return not text and len(self.guessed.split()) > MOST_WORDS_OF_NOISE


class PendingUtterances(deque[PendingUtterance]):
    """The utterances without a text, the oldest first; the last one may still go on."""

    @property
    def is_awaited(self) -> bool:
        """Whether a text of the server is awaited now."""
        return bool(self) and self[0].requested_at is not None

    def failed(self) -> None:
        """The connection is gone, and with it what it had of them."""
        for utterance in self:
            utterance.tries += utterance.requested_at is not None
            utterance.again()

    def take_lost(self, tries: int, within: float) -> Iterator[PendingUtterance]:
        """Take out those that have failed too often, or ended too long ago to be answered."""
        latest = time.monotonic() - within
        while self and (ended := self[0].ended_at) is not None:
            if self[0].tries < tries and ended > latest:
                return
            yield self.popleft()
