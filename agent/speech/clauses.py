"""Cuts a reply, while it is being written, into pieces for the voice.

The first piece ends at the first punctuation, so that the voice begins early; later ones are
sentences, because a whole sentence sounds better and there is time: the one before is being spoken.
"""

from __future__ import annotations

import re

from livekit.agents import tokenize, utils
from livekit.agents.tokenize.tokenizer import SentenceStream

FIRST_CUT = re.compile(r"[.!?…;:,—–][\"')\]]*\s")
LATER_CUT = re.compile(r"[.!?…][\"')\]]*\s")
SHORTEST = 3  # characters; "A." alone is not worth a request
LONGEST = 300  # characters without any punctuation
ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|vs|etc|e\.g|i\.e|no|[a-z])\.$", re.IGNORECASE)


def next_cut(text: str, first: bool) -> int:
    """Where the first piece of `text` ends; 0 when it does not end yet."""
    for match in (FIRST_CUT if first else LATER_CUT).finditer(text):
        piece = text[: match.end()].strip()
        if len(piece) >= SHORTEST and not ABBREVIATION.search(piece):
            return match.end()
    if len(text) > LONGEST:
        return text.rfind(" ", 0, LONGEST) + 1
    return 0


class ClauseTokenizer(tokenize.SentenceTokenizer):
    """LiveKit's interface for cutting text."""

    def tokenize(self, text: str, *, language: str | None = None) -> list[str]:
        pieces: list[str] = []
        while cut := next_cut(text, first=not pieces):
            pieces.append(text[:cut])
            text = text[cut:]
        return [*pieces, text] if text.strip() else pieces

    def stream(self, *, language: str | None = None) -> SentenceStream:
        return ClauseStream()


class ClauseStream(SentenceStream):
    """Text in as it is written, pieces out as soon as they are whole."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._first = True
        self._segment = utils.shortuuid()

    def push_text(self, text: str) -> None:
        self._check_not_closed()
        self._text += text
        while cut := next_cut(self._text, self._first):
            self._send(self._text[:cut])
            self._text = self._text[cut:]

    def flush(self) -> None:
        self._check_not_closed()
        if self._text.strip():
            self._send(self._text)
        self._text = ""

    def end_input(self) -> None:
        self.flush()
        self._do_close()

    async def aclose(self) -> None:
        self._do_close()

    def _send(self, piece: str) -> None:
        self._first = False
        self._event_ch.send_nowait(tokenize.TokenData(token=piece, segment_id=self._segment))

    def _do_close(self) -> None:
        self._event_ch.close()
