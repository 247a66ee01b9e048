"""Whisper, by CTranslate2: the sound of at most half a minute in, its words out.

Whisper is made for windows of 30 s, and takes as long for "yes" as for all of it. Here its encoder
is given only what there is and some seconds of silence, which costs a fifth. Now and then it then
says the same thing over and over: that is noticed, and done again with a whole window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2 import StorageView
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import WhisperModel
from numpy.typing import NDArray

from dev.models.hearing.repetition import is_loop

Samples = NDArray[np.float32]

RATE = 16_000
WINDOW_S = 30.0
PADDING_S = 3.0  # with less it repeats itself much more often
# Nobody says more in a second; a text that is longer than this is a loop.
TOKENS_A_SECOND, TOKENS_AT_LEAST, TOKENS_AT_MOST = 10, 16, 224
# What Whisper itself calls no speech, and is not sure of, as its authors have it.
NO_SPEECH, UNSURE = 0.6, -1.0


@dataclass(frozen=True)
class Word:
    """A word with its punctuation, and where it was said, in seconds."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Heard:
    """What was said in a stretch of sound; `words` only when they were asked for."""

    text: str
    start: float
    end: float
    tokens: tuple[int, ...] = ()
    log_probability: float = 0.0  # of a token, on average
    no_speech: float = 0.0
    words: tuple[Word, ...] = ()


class Whisper:
    """A model in memory. Not for two threads at once."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._whisper = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads
        )
        self._tokenizers: dict[str, Tokenizer] = {}
        self.hear(np.zeros(RATE, np.float32), "en")  # the first decode takes several times as long

    @property
    def languages(self) -> list[str]:
        """Their codes; only English for a model of which the name ends in `.en`."""
        return list(self._whisper.supported_languages)

    def hear(
        self, samples: Samples, language: str, *, at: float = 0.0, words: bool = False
    ) -> Heard:
        """What is said in `samples`, which begin at second `at` of the whole. Blocks."""
        seconds = len(samples) / RATE
        tokenizer = self._tokenizer(language)
        encoded, result = self._decode(samples, seconds + PADDING_S, tokenizer)
        tokens = result.sequences_ids[0]
        if is_loop(tokens) or len(tokens) >= _most_tokens(seconds):
            encoded, result = self._decode(samples, WINDOW_S, tokenizer)
            tokens = result.sequences_ids[0]
        score, no_speech = float(result.scores[0]), float(result.no_speech_prob)
        text = tokenizer.decode(tokens).strip()
        if no_speech > NO_SPEECH and score < UNSURE:
            text, tokens = "", []
        timed = self._words(encoded, tokens, seconds, tokenizer, at) if words and text else ()
        return Heard(text, at, at + seconds, tuple(tokens), score, no_speech, timed)

    def _decode(
        self, samples: Samples, window_s: float, tokenizer: Tokenizer
    ) -> tuple[StorageView, Any]:
        window = min(int(window_s * RATE), int(WINDOW_S * RATE))
        padded = np.pad(samples[:window], (0, max(0, window - len(samples))))
        # One hop is added by the extractor.
        features = self._whisper.feature_extractor(padded)[:, : int(WINDOW_S * 100)]
        encoded = self._whisper.encode(np.ascontiguousarray(features, dtype=np.float32))
        (result,) = self._whisper.model.generate(
            encoded,
            [[*tokenizer.sot_sequence, tokenizer.no_timestamps]],
            beam_size=1,
            max_length=_most_tokens(len(samples) / RATE),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return encoded, result

    def _words(
        self,
        encoded: StorageView,
        tokens: list[int],
        seconds: float,
        tokenizer: Tokenizer,
        at: float,
    ) -> tuple[Word, ...]:
        frames = int(seconds * self._whisper.frames_per_second)
        (timed,) = self._whisper.find_alignment(tokenizer, [tokens], encoded, frames)
        return tuple(
            Word(
                word["word"],
                round(at + float(word["start"]), 2),
                round(at + float(word["end"]), 2),
                round(float(word["probability"]), 3),
            )
            for word in timed
            if word["word"].strip()
        )

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]


def _most_tokens(seconds: float) -> int:
    return min(TOKENS_AT_LEAST + int(TOKENS_A_SECOND * seconds), TOKENS_AT_MOST)
