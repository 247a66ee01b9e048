"""A transcript in the formats of OpenAI's endpoint: JSON with times, and subtitles."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from dev.models.hearing.whisper import Heard, Word

# A subtitle is read in one look: it ends with a sentence, a long silence, or when it is full.
CUE_CHARACTERS, CUE_SECONDS, CUE_SILENCE_S = 80, 6.0, 1.0
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
NAMES = {"en": "english"}  # as OpenAI calls them; others by their code


def text_of(pieces: Sequence[Heard]) -> str:
    return " ".join(piece.text for piece in pieces)


def verbose(
    pieces: Sequence[Heard], seconds: float, language: str, granularities: Sequence[str]
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": NAMES.get(language, language),
        "duration": seconds,
        "text": text_of(pieces),
    }
    if "segment" in granularities or not granularities:
        answer["segments"] = [_segment(number, piece) for number, piece in enumerate(pieces)]
    if "word" in granularities:
        answer["words"] = [
            {"word": word.text.strip(), "start": word.start, "end": word.end}
            for piece in pieces
            for word in piece.words
        ]
    return answer


def _segment(number: int, piece: Heard) -> dict[str, Any]:
    written = piece.text.encode()
    return {
        "id": number,
        "seek": round(piece.start * 100),
        "start": round(piece.start, 2),
        "end": round(piece.end, 2),
        "text": piece.text,
        "tokens": list(piece.tokens),
        "temperature": 0.0,
        "avg_logprob": round(piece.log_probability, 4),
        "compression_ratio": round(len(written) / len(zlib.compress(written)), 3),
        "no_speech_prob": round(piece.no_speech, 4),
    }


def srt(pieces: Sequence[Heard]) -> str:
    cues = enumerate(_cues(pieces), 1)
    return "".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{text}\n\n"
        for number, (start, end, text) in cues
    )


def vtt(pieces: Sequence[Heard]) -> str:
    cues = "".join(
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_escaped(text)}\n\n"
        for start, end, text in _cues(pieces)
    )
    return f"WEBVTT\n\n{cues}"


def _cues(pieces: Sequence[Heard]) -> Iterator[tuple[float, float, str]]:
    words: list[Word] = []
    for word in (word for piece in pieces for word in piece.words):
        if words and _is_full(words, word):
            yield _cue(words)
            words = []
        words.append(word)
    if words:
        yield _cue(words)


def _is_full(words: Sequence[Word], then: Word) -> bool:
    return (
        words[-1].text.endswith(SENTENCE_ENDS)
        or then.start - words[-1].end > CUE_SILENCE_S
        or then.end - words[0].start > CUE_SECONDS
        or sum(len(word.text) for word in (*words, then)) > CUE_CHARACTERS
    )


def _cue(words: Sequence[Word]) -> tuple[float, float, str]:
    return words[0].start, words[-1].end, "".join(word.text for word in words).strip()


def _clock(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{milliseconds:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
