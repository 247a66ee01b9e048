"""Whisper, by CTranslate2: the sound of at most half a minute in, its words out.

Whisper is made for windows of 30 s, and takes as long for "yes" as for all of it. Here its encoder
is given only what there is and some seconds of silence, which costs a fourth. It then tends to say
the same thing over and over, until it is let say when each phrase was said: what it puts after the
end of the sound was not said. A text that still goes in circles, or that it is unsure of, is
decoded once more, with more care.

A short phrase by itself is harder to understand than in its place, for people too. So what the same
voice said just before is heard once more in front of it, with its words given: that costs the
encoder's time for so much more sound, and halves the errors. A long phrase is its own context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from ctranslate2 import StorageView
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import WhisperModel
from numpy.typing import NDArray

from dev.models.hearing.repetition import is_loop, said_once

Samples = NDArray[np.float32]

RATE = 16_000
WINDOW_S = 30.0
PADDING_S, CAREFUL_PADDING_S = 5.0, 12.0
CAREFUL_BEAMS = 5
PROMPT_TOKENS = 40  # of words that somebody expects
PHRASE_S = 3.0  # what is longer is its own context, and would take longer still
CONTEXT_S = 6.0  # of what was said before, which is heard once more in front
DOUBTFUL = -0.9  # mean log probability of a token, below which more care is worth its time
# Nobody says more in a second; a text that is longer than this is a loop.
TOKENS_A_SECOND, TOKENS_AT_LEAST, TOKENS_AT_MOST = 10, 20, 224
TOKEN_S = 0.02  # between two of Whisper's marks of time
# What Whisper itself calls no speech, and is not sure of. Its authors have -1.0; of a television
# far away it invents sentences with -0.53. Of what people say it hardly ever says no speech.
NO_SPEECH, UNSURE = 0.6, -0.4


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
    settled: bool = True  # more care would not change it
    samples: Samples | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class _Decoded:
    encoded: StorageView
    tokens: list[int]  # of words only
    score: float
    no_speech: float
    in_circles: bool


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
        self,
        samples: Samples,
        language: str,
        *,
        at: float = 0.0,
        before: Sequence[Heard] = (),
        prompt: str = "",
        careful: bool = True,
        words: bool = False,
    ) -> Heard:
        """What is said in `samples`, which begin at second `at` of the whole. Blocks.

        `before` is what the same voice said before, which `words` have no use for; `prompt` are
        words as they may occur; without `careful` it is quick rather than right.
        """
        tokenizer = self._tokenizer(language)
        seconds = len(samples) / RATE
        context = [] if words else _latest(before, seconds)
        decoded = self._decode(samples, tokenizer, PADDING_S, before=context)
        doubtful = decoded.in_circles or decoded.score < DOUBTFUL
        no_speech = decoded.no_speech
        if doubtful and careful:
            again = self._decode(samples, tokenizer, CAREFUL_PADDING_S, CAREFUL_BEAMS, prompt)
            decoded = max(decoded, again, key=lambda each: (not each.in_circles, each.score))
            no_speech = again.no_speech  # of this sound alone
        invented = decoded.in_circles or decoded.score < UNSURE
        nothing = no_speech > NO_SPEECH and invented
        tokens = said_once(decoded.tokens) if decoded.in_circles else decoded.tokens
        if nothing:
            tokens = []
        text = tokenizer.decode(tokens).strip()
        timed = (
            self._words(decoded.encoded, tokens, seconds, tokenizer, at) if words and text else ()
        )
        return Heard(
            text,
            at,
            at + seconds,
            tuple(tokens),
            decoded.score,
            no_speech,
            timed,
            settled=careful or not doubtful,
            samples=samples,
        )

    def _decode(
        self,
        samples: Samples,
        tokenizer: Tokenizer,
        padding_s: float,
        beams: int = 1,
        prompt: str = "",
        before: Sequence[Heard] = (),
    ) -> _Decoded:
        front = [each.samples for each in before if each.samples is not None]
        given = _marked(before, tokenizer)
        samples = np.concatenate([*front, samples])
        window = min(len(samples) + int(padding_s * RATE), int(WINDOW_S * RATE))
        padded = np.pad(samples[:window], (0, max(0, window - len(samples))))
        # One frame is added by the extractor.
        features = self._whisper.feature_extractor(padded)[:, : int(WINDOW_S * 100)]
        encoded = self._whisper.encode(np.ascontiguousarray(features, dtype=np.float32))
        expected = tokenizer.encode(f" {prompt}")[-PROMPT_TOKENS:] if prompt else []
        start = [*([tokenizer.sot_prev, *expected] if expected else []), *tokenizer.sot_sequence]
        seconds = len(samples) / RATE
        most = min(TOKENS_AT_LEAST + int(TOKENS_A_SECOND * seconds), TOKENS_AT_MOST)
        (result,) = self._whisper.model.generate(
            encoded,
            [[*start, *given]],
            beam_size=beams,
            max_length=min(len(start) + len(given) + most, self._whisper.max_length),
            return_scores=True,
            return_no_speech_prob=True,
        )
        # What was given is in the result, and counts as certain in its mean.
        marked = result.sequences_ids[0][len(given) :]
        tokens = _said_within(marked, seconds, tokenizer)
        return _Decoded(
            encoded,
            tokens,
            float(result.scores[0]) * (len(given) + len(marked)) / max(len(marked), 1),
            float(result.no_speech_prob),
            len(marked) >= most or is_loop(tokens),
        )

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
        words: list[Word] = []
        for each in timed:
            text, end = str(each["word"]), round(at + float(each["end"]), 2)
            if words and not any(letter.isalnum() for letter in text):  # punctuation on its own
                words[-1] = replace(words[-1], text=words[-1].text + text, end=end)
            elif text.strip():
                start = round(at + float(each["start"]), 2)
                words.append(Word(text, start, end, round(float(each["probability"]), 3)))
        return tuple(words)

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]


def _latest(before: Sequence[Heard], seconds: float) -> list[Heard]:
    """What fits in front of a sound of so many seconds, and is near enough to help."""
    room = CONTEXT_S if seconds <= PHRASE_S else 0.0
    fits: list[Heard] = []
    for heard in reversed(before):
        room -= heard.end - heard.start
        if room < 0:
            break
        if heard.samples is not None and heard.tokens:
            fits.insert(0, heard)
    return fits


def _marked(before: Sequence[Heard], tokenizer: Tokenizer) -> list[int]:
    """The words of what is in front, each with when it was said, as the model writes it."""
    tokens: list[int] = []
    at = 0.0
    for heard in before:
        start, at = at, at + heard.end - heard.start
        tokens += [_mark(start, tokenizer), *heard.tokens, _mark(at, tokenizer)]
    return [*tokens, _mark(at, tokenizer)] if tokens else []


def _mark(seconds: float, tokenizer: Tokenizer) -> int:
    return int(tokenizer.timestamp_begin) + round(seconds / TOKEN_S)


def _said_within(marked: list[int], seconds: float, tokenizer: Tokenizer) -> list[int]:
    """The tokens of words, of phrases that begin before the sound ends."""
    tokens: list[int] = []
    within = True
    for token in marked:
        if token >= tokenizer.timestamp_begin:
            within = not tokens or (token - tokenizer.timestamp_begin) * TOKEN_S < seconds
        elif within and token < tokenizer.eot:
            tokens.append(token)
    return tokens
