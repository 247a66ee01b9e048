"""The sound of an utterance, or of a file, and what has been understood of it.

A long one is cut where it is quiet into pieces that Whisper can take whole. A piece that is over
is decoded once, so an utterance that goes on costs only its last piece each time it is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import numpy as np

from dev.models.hearing.decode_queue import Client, Urgency
from dev.models.hearing.listening import Listening
from dev.models.hearing.speech_trace import AROUND, LEAST_WINDOWS, RATE, WINDOW, SpeechTrace
from dev.models.hearing.whisper import Heard, Samples

BYTES_A_SECOND = 2 * RATE
PIECE_AT_LEAST, PIECE_AT_MOST = 10 * RATE // WINDOW, 24 * RATE // WINDOW  # windows


def joined(pieces: list[Heard]) -> str:
    return " ".join(piece.text for piece in pieces)


class Utterance:
    """`client` is whose sound it is; `before` what was said just before it, which does not help to
    understand one that is `alone`; `prompt` words as they may occur in it."""

    def __init__(self, listening: Listening, client: Client, language: str | None = None) -> None:
        self._listening, self._client, self._language = listening, client, language
        self.before: list[Heard] = []
        self.alone = False
        self.prompt = ""
        self._pcm = bytearray()
        self._trace = SpeechTrace()
        self._heard: dict[tuple[int, int, bool], Heard] = {}

    @property
    def seconds(self) -> float:
        return len(self._pcm) / BYTES_A_SECOND

    @property
    def goes_on(self) -> bool:
        """Whether somebody speaks just now."""
        windows = self._trace.windows
        return self._trace.speech(windows - LEAST_WINDOWS, windows) is not None

    def hear(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._trace.hear(pcm)

    async def understood(self, urgency: Urgency, *, careful: bool = True) -> list[Heard]:
        """What is said in all that was heard so far; quick rather than right if not `careful`."""
        return [piece async for piece in self.pieces(urgency, careful=careful)]

    async def pieces(
        self, urgency: Urgency, *, words: bool = False, careful: bool = True
    ) -> AsyncIterator[Heard]:
        """The same, each piece as soon as it is decoded."""
        pieces: list[Heard] = []
        for start, end in self._pieces():
            speech = self._trace.speech(start, end)
            if speech is None:
                continue
            # Keyed by where speech ends: silence that came since changes nothing.
            key = (start, speech[1], words)
            if key not in self._heard or (careful and not self._heard[key].settled):
                first = max(start, speech[0] - AROUND)
                last = min(end, speech[1] + 1 + AROUND)
                self._heard[key] = await self._listening.run(
                    self._client,
                    urgency,
                    partial(
                        self._listening.decode,
                        self._samples(first, last),
                        language=self._language,
                        at=round(first * WINDOW / RATE, 3),
                        before=[*self.before, *pieces],
                        prompt=self.prompt,
                        careful=careful,
                        words=words,
                    ),
                )
            if self._heard[key].text:
                pieces.append(self._heard[key])
                yield self._heard[key]

    async def text(self, urgency: Urgency, *, careful: bool = True) -> str:
        return joined(await self.understood(urgency, careful=careful))

    def _samples(self, first: int, last: int) -> Samples:
        pcm = bytes(self._pcm[2 * first * WINDOW : 2 * last * WINDOW])
        return np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)

    def _pieces(self) -> list[tuple[int, int]]:
        """Windows from and to; where one ends depends on no sound after its longest length."""
        pieces: list[tuple[int, int]] = []
        start = 0
        while self._trace.windows - start > PIECE_AT_MOST:
            end = self._trace.quietest(start + PIECE_AT_LEAST, start + PIECE_AT_MOST)
            pieces.append((start, end))
            start = end
        return [*pieces, (start, self._trace.windows)]
