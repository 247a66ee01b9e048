"""One voice's decoder, in a process of its own: pocketsphinx holds the interpreter's lock.

Over the connection come bytes: `N` + number begins a new voice, `S` an utterance, `A` + PCM
(16 kHz, 16 bit, mono) is audio, `E` ends the utterance. Back go dicts with the voice's number:
{"voice": 1, "took": bytes, "text": so far} for each `A`, {"voice": 1, "final": text} for each `E`.
"""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from typing import Any

from dev.models.mean import Mean
from dev.models.noise_floor import NoiseFloor

# A new voice is listened to for so long before the first word is looked for.
HEAD_BYTES = int(1.2 * 32_000)


def serve(connection: Connection) -> None:
    """Decode what comes over `connection` until it closes."""
    from dev.models.acoustics import DECODER, MEAN_ONLY, WORDS  # loaded by the fork server already

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ear = Ear(DECODER, words=WORDS, mean_only=MEAN_ONLY)
    voice = 0
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        kind, rest = message[:1], message[1:]
        if kind == b"A":
            connection.send({"voice": voice, "took": len(rest), "text": ear.audio(rest)})
        elif kind == b"E":
            connection.send({"voice": voice, "final": ear.end()})
        elif kind == b"N":
            voice = int(rest)
            ear.new_voice()
        else:
            ear.end()


class Ear:
    """Utterances of one voice. `words` and `mean_only` name the decoder's two searches."""

    def __init__(self, decoder: Any, *, words: str, mean_only: str) -> None:
        self._decoder, self._words, self._mean_only = decoder, words, mean_only
        self._open = False
        self._head = bytearray()
        self._text = ""
        self.new_voice()

    def new_voice(self) -> None:
        """Forget the last voice, and what it has not ended."""
        self.end()
        self._mean = self._given = Mean()
        self._strange = True
        self._floor = NoiseFloor()

    def audio(self, pcm: bytes) -> str:
        """Take in a part of the utterance; the text so far."""
        pcm = self._floor.under(pcm)
        if self._strange and not self._open:
            self._head += pcm
            if len(self._head) >= HEAD_BYTES:
                self._begin()
            return ""
        if not self._open:
            self._begin()
        return self._hear(pcm)

    def end(self) -> str:
        """The text of the utterance, which is over; "" when nothing was heard."""
        if self._head:
            self._begin()
        if not self._open:
            return ""
        self._decoder.end_utt()
        self._open, self._text = False, ""
        heard = self._decoder.hyp()
        text: str = heard.hypstr if heard else ""
        if text:  # noise says nothing of the voice
            self._mean.learn(self._given, self._decoder.get_cmn(), self._decoder.n_frames())
            self._strange = False
        return text

    def _begin(self) -> None:
        self._given = self._mean_of(self._head) if self._head else self._mean
        self._decoder.set_cmn(self._given.text)
        self._decoder.start_utt()
        self._open = True
        head, self._head = bytes(self._head), bytearray()
        if head:
            self._hear(head)

    def _mean_of(self, head: bytearray) -> Mean:
        """The mean of a voice of which only `head` is known."""
        anyones, mean = Mean(), Mean()
        self._decoder.set_cmn(anyones.text)
        self._decoder.activate_search(self._mean_only)
        self._decoder.start_utt()
        self._decoder.process_raw(bytes(head), False, False)
        self._decoder.end_utt()
        mean.learn(anyones, self._decoder.get_cmn(), self._decoder.n_frames())
        self._decoder.activate_search(self._words)
        return mean

    def _hear(self, pcm: bytes) -> str:
        self._decoder.process_raw(pcm, False, False)
        heard = self._decoder.hyp()
        self._text = heard.hypstr if heard else self._text
        return self._text
