"""Where a reply is cut for the voice, while it is written; by Unicode's rules, for every script.

The first piece ends at the first punctuation, so that the sound begins early; later ones are
sentences, because a whole sentence sounds better and there is time: the one before is being spoken.
A piece has something to say: marks alone ("...", an emoji) go with what is beside them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from livekit.agents import tokenize, utils
from livekit.agents.tokenize.tokenizer import SentenceStream
from uniseg.graphemecluster import grapheme_cluster_boundaries
from uniseg.linebreak import line_break_boundaries
from uniseg.sentencebreak import SentenceBreak, sentence_boundaries, sentence_break

SHORTEST = 3  # characters; "A." alone is not worth a request
LONGEST = 300  # characters without any punctuation, of which a wide one (你) counts thrice
WIDE = 3
CLOSING = re.compile(r"[\"'\u201d\u2019)\]]*\s+")  # what may follow a mark that ends a piece
# Unicode takes the ends of abbreviations for ends of sentences.
ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|vs|etc|e\.g|i\.e|no|[a-z])\.$", re.IGNORECASE)
ENDS = frozenset({SentenceBreak.ATERM, SentenceBreak.STERM})
ELLIPSIS = "\u2026"  # no mark of Unicode's rules
NOT_BETWEEN_CLAUSES = frozenset("-'\u2019")


def next_cut(text: str, first: bool) -> int:
    """Where the first piece of `text` ends; 0 when it does not end yet."""
    if any(map(_is_mark if first else _may_end, text)):  # looked up rather than cut in vain
        for end in _clauses(text) if first else _sentences(text):
            piece = text[:end].strip()
            if is_spoken(piece) and len(piece) * _width(piece) >= SHORTEST:
                return end
    return _by_force(text)


def is_spoken(text: str) -> bool:
    """Whether there is anything in it to say: a letter or a digit of whatever script."""
    return any(letter.isalnum() for letter in text)


def _clauses(text: str) -> Iterator[int]:
    """The ends of clauses and sentences. A mark between narrow letters (3.50, 10:30) ends none."""
    for at, letter in enumerate(text[:-1], start=1):
        if not _is_mark(letter) or letter in NOT_BETWEEN_CLAUSES:
            continue
        if _is_wide(letter):
            if not _is_mark(text[at]):
                yield at
        elif (closing := CLOSING.match(text, at)) and not ABBREVIATION.search(text[:at]):
            yield closing.end()


def _sentences(text: str) -> Iterator[int]:
    """The ends of sentences after which there is text, which shows that they end there."""
    for end in sentence_boundaries(text):
        if 0 < end < len(text) and not ABBREVIATION.search(text[:end].strip()):
            yield end


def _by_force(text: str) -> int:
    """Where a text that is too long without punctuation is cut: where a line may be broken."""
    longest = LONGEST // _width(text)
    if len(text) <= longest:
        return 0
    for boundaries in (line_break_boundaries, grapheme_cluster_boundaries):
        if fitting := [end for end in boundaries(text[: longest + 1]) if 0 < end <= longest]:
            return int(fitting[-1])
    return longest


@cache
def _is_mark(letter: str) -> bool:
    return _may_end(letter) or (
        not letter.isalnum() and sentence_break(letter) == SentenceBreak.SCONTINUE
    )


@cache
def _may_end(letter: str) -> bool:
    return letter == ELLIPSIS or (not letter.isalnum() and sentence_break(letter) in ENDS)


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in ("W", "F")


def _width(text: str) -> int:
    """How much a letter of this text says, compared with one of an alphabet."""
    return WIDE if text and _is_wide(max(text[:SHORTEST], key=_is_wide)) else 1


class ClauseTokenizer(tokenize.SentenceTokenizer):
    """LiveKit's interface for cutting text."""

    def tokenize(self, text: str, *, language: str | None = None) -> list[str]:
        pieces: list[str] = []
        while cut := next_cut(text, first=not pieces):
            pieces.append(text[:cut])
            text = text[cut:]
        return [*pieces, text] if is_spoken(text) else pieces

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
        if is_spoken(self._text):
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
