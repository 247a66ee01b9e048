"""What callers say with pauses in it, and where a turn ends: recordings of people, and voices.

A turn is cut into stretches of speech. Where the cuts are was marked by ear in the recordings; in
a synthetic voice each word is found by Whisper's alignment. Between two stretches comes a pause of
the length that is wanted, filled with the quietest sound of the recording.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import moonshine_voice
import numpy as np

from dev.caller.access import CallError
from dev.caller.sound import RATE, CallerVoice, Samples, Sound
from dev.models.hearing.whisper import Whisper
from dev.models.sound import decode
from dev.models.weights import WHISPER_TINY_EN, NoWeights, get

PAUSES_S = (0.3, 0.5, 0.7, 0.9, 1.2, 1.5)
ROOM_S = 0.2  # seconds of the quietest sound, repeated in a pause
FADE = RATE // 100
VOICES = ("rms", "slt", "piper")

# Of each turn its stretches in seconds; a pause between two of them is within a sentence.
# Where the reader goes on ("it was the age of foolishness, it was …") the last is no real end.
GOES_ON = {("two_cities.wav", number) for number in range(5)}
RECORDED: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "two_cities.wav": (
        ((1.10, 4.66), (5.00, 6.32), (6.67, 8.30)),
        ((1.10, 2.36), (2.36, 4.66), (5.00, 5.86), (5.86, 6.32), (6.67, 7.34), (7.34, 8.30)),
        ((8.81, 10.40), (10.76, 12.90), (13.45, 14.90), (15.12, 16.82)),
        ((8.81, 9.64), (9.64, 10.40), (10.76, 12.90), (13.45, 14.22), (14.22, 14.90)),
        ((17.55, 18.80), (18.96, 20.60), (21.23, 22.34), (22.84, 24.10)),
        ((24.62, 25.60), (25.60, 26.15), (26.54, 27.36), (27.36, 28.40)),
        ((29.10, 29.75), (29.93, 31.22), (31.22, 32.38), (32.75, 35.20), (35.20, 36.64),
         (36.64, 38.92), (38.92, 41.80)),
    ),
    "endgame_nagg_nell.wav": (
        ((4.84, 6.26), (6.50, 7.20), (7.20, 8.14)),
        ((8.72, 10.14), (10.28, 11.42)),
        ((20.43, 21.10), (21.10, 21.98)),
        ((23.76, 25.00), (25.00, 26.48), (26.48, 27.52)),
    ),
}  # fmt: skip
# Sentences of their own, one after another: each may be answered, but had better not be.
SENTENCES_IN_A_ROW = (
    "beckett.wav",
    ((0.0, 1.06), (1.50, 2.66), (3.20, 4.06), (4.56, 5.46), (6.30, 7.26), (7.81, 9.20)),
)
# A bar is a pause.
SPOKEN = (
    "My name is Peter | and I live in Berlin.",
    "I would like to book | a table for two | on Friday evening.",
    "Yesterday I went to the market | and bought some apples | because my mother wanted a cake.",
    "Can you tell me | what you remember about | my favorite color?",
    "Please remind me to | call the doctor tomorrow at nine.",
    "What I wanted to ask is | whether you know | my sister Anna.",
    "If it does not rain tomorrow | we could go for a | long walk in the woods.",
    "The train to the city | leaves at nine | and comes back at five.",
    "I work as a teacher | in a school for | young children.",
    "How do I get from here | to the station?",
)


@dataclass(frozen=True)
class SpokenTurn:
    """`pauses`: from and to in seconds; `ends_s`: where the last word ends."""

    who: str
    sound: Sound
    pauses: tuple[tuple[float, float], ...]
    ends_s: float
    is_whole: bool = True  # a sentence ends there

    @property
    def resumed(self) -> Iterator[tuple[float, float, float]]:
        """Each pause, and where the speech after it ends."""
        ends = [begin for begin, _ in self.pauses[1:]] + [self.ends_s]
        for (begin, end), speech_ends in zip(self.pauses, ends, strict=True):
            yield begin, end, speech_ends


async def spoken_turns(models_url: str, rounds: int) -> list[SpokenTurn]:
    """Every turn with other pauses each round, people first."""
    turns: list[SpokenTurn] = []
    lengths = _lengths()
    for _ in range(rounds):
        for name, marked in RECORDED.items():
            whole = _recording(name)
            for number, stretches in enumerate(marked):
                parts = [whole[round(a * RATE) : round(b * RATE)] for a, b in stretches]
                turn = _joined("people", name, parts, _room(whole), lengths)
                turns.append(replace(turn, is_whole=(name, number) not in GOES_ON))
    for voice in VOICES:
        speaker = CallerVoice(voice, models_url)
        for number in range(rounds):
            for text in SPOKEN[number % 2 :: 2] if rounds > 1 else SPOKEN:
                sound = await speaker.speak(text.replace("| ", ""))
                parts = await asyncio.to_thread(_cut, sound.samples, text)
                turns.append(_joined(voice, sound.words, parts, np.zeros(1, np.int16), lengths))
    return turns


def sentences_in_a_row() -> SpokenTurn:
    name, stretches = SENTENCES_IN_A_ROW
    whole = _recording(name)
    parts = [whole[round(a * RATE) : round(b * RATE)] for a, b in stretches]
    gaps = iter([b[0] - a[1] for a, b in pairwise(stretches)])
    return _joined("people", name, parts, _room(whole), gaps)


def _lengths() -> Iterator[float]:
    """All lengths come equally often, in an order that meets each place with another one."""
    number = 0
    while True:
        yield PAUSES_S[(number * 5 + number // len(PAUSES_S)) % len(PAUSES_S)]
        number += 1


def _joined(
    who: str, words: str, parts: Sequence[Samples], room: Samples, lengths: Iterator[float]
) -> SpokenTurn:
    sound: list[Samples] = []
    pauses: list[tuple[float, float]] = []
    samples = 0
    for number, part in enumerate(parts):
        if number:
            length = round(next(lengths) * RATE)
            sound.append(np.resize(room, length))
            pauses.append((samples / RATE, (samples + length) / RATE))
            samples += length
        sound.append(_faded(part))
        samples += len(part)
    return SpokenTurn(who, Sound(np.concatenate(sound), words), tuple(pauses), samples / RATE)


def _faded(part: Samples) -> Samples:
    """Without a click at its ends."""
    shape = np.ones(len(part), np.float32)
    shape[:FADE], shape[-FADE:] = np.linspace(0, 1, FADE), np.linspace(1, 0, FADE)
    return (part * shape).astype(np.int16)


def _recording(name: str) -> Samples:
    path = Path(moonshine_voice.__file__).parent / "assets" / name
    return np.frombuffer(decode(path.read_bytes(), RATE), np.int16)


def _room(samples: Samples) -> Samples:
    """The quietest sound of a recording, forth and back so that it can be repeated."""
    length = round(ROOM_S * RATE)
    loudness = [
        float(np.abs(samples[at : at + length].astype(np.float32)).mean())
        for at in range(0, len(samples) - length, length // 2)
    ]
    at = int(np.argmin(loudness)) * (length // 2)
    quietest = samples[at : at + length]
    return np.concatenate([quietest, quietest[::-1]])


def _cut(samples: Samples, text: str) -> list[Samples]:
    """A sentence that was spoken whole, cut where its text has bars."""
    words = _whisper().hear(samples.astype(np.float32) / np.float32(32768), "en", words=True).words
    ends = {number: word.end for number, word in enumerate(words)}
    parts: list[Samples] = []
    count, begin = 0, 0
    for part in text.split("|")[:-1]:
        count += len(re.findall(r"[\w']+", part))
        end = round(ends.get(count - 1, 0.0) * RATE)
        if not begin < end < len(samples):
            raise CallError(f"the words of {text!r} cannot be found in the voice that says it")
        parts.append(samples[begin:end])
        begin = end
    return [*parts, samples[begin:]]


@cache
def _whisper() -> Whisper:
    try:
        return Whisper(get(WHISPER_TINY_EN), threads=1)
    except NoWeights as error:
        raise CallError(str(error)) from error
